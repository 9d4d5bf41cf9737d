#include "base/memory.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "blosc2.h"

static atomic_bool counting;
static _Atomic int64_t remaining;

void b2_memory_fail_after(int64_t allocations)
{
    atomic_store(&remaining, allocations);
    atomic_store(&counting, allocations >= 0);
}

static bool must_fail(void)
{
    if (!atomic_load_explicit(&counting, memory_order_relaxed)) return false;
    return atomic_fetch_sub(&remaining, 1) <= 0;
}

void *b2_malloc(size_t bytes)
{
    return must_fail() ? NULL : malloc(bytes ? bytes : 1);
}

void *b2_calloc(size_t bytes)
{
    return must_fail() ? NULL : calloc(1, bytes ? bytes : 1);
}

void *b2_realloc(void *block, size_t bytes)
{
    return must_fail() ? NULL : realloc(block, bytes ? bytes : 1);
}

void b2_free(void *block)
{
    free(block);
}

static int grow(b2_buffer *buffer, size_t room)
{
    uint8_t *grown = b2_realloc(buffer->bytes, room);
    if (!grown) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate %zu bytes", room);
    buffer->bytes = grown;
    buffer->capacity = room;
    return BLOSC2_OK;
}

int b2_buffer_reserve(b2_buffer *buffer, size_t bytes)
{
    if (bytes <= buffer->capacity) return BLOSC2_OK;
    size_t room = buffer->capacity + buffer->capacity / 2;
    return grow(buffer, room < bytes ? bytes : room);
}

int b2_buffer_reserve_exactly(b2_buffer *buffer, size_t bytes)
{
    return bytes <= buffer->capacity ? BLOSC2_OK : grow(buffer, bytes);
}

void b2_buffer_trim(b2_buffer *buffer)
{
    const size_t worth_keeping = (size_t)8 << 20; /* a few chunks of the automatic size */
    if (buffer->capacity > worth_keeping) b2_buffer_free(buffer);
}

void b2_buffer_free(b2_buffer *buffer)
{
    b2_free(buffer->bytes);
    *buffer = (b2_buffer){0};
}
