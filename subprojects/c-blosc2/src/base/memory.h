/**
 * All heap memory of the library passes through here, so that a test can let the n-th
 * allocation fail (`b2_memory_fail_after`).
 */
#ifndef B2_BASE_MEMORY_H
#define B2_BASE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/** As `malloc`, but never NULL for 0 bytes. NULL and no message when memory is short. */
void *b2_malloc(size_t bytes);

/** As `calloc(1, bytes)`, under the same rule. */
void *b2_calloc(size_t bytes);

/** As `realloc`; the old block stays valid when NULL is returned. */
void *b2_realloc(void *block, size_t bytes);

/** As `free`; NULL is fine. */
void b2_free(void *block);

/** Let the n-th allocation from now (0 = the next) and all after it fail; negative: none. Tests only. */
void b2_memory_fail_after(int64_t allocations);

/** A block that grows; `{0}` is empty. Owned by who declares it. */
typedef struct b2_buffer {
    uint8_t *bytes;
    size_t capacity; /* bytes */
} b2_buffer;

/** Make room for at least `bytes`; the content is kept. @return BLOSC2_OK or BLOSC2_E_MEMORY. */
int b2_buffer_reserve(b2_buffer *buffer, size_t bytes);

/** The same, without room for more: where the content's size is known, and large. */
int b2_buffer_reserve_exactly(b2_buffer *buffer, size_t bytes);

void b2_buffer_free(b2_buffer *buffer);

/** Release a block of more than 8 MiB: what is smaller is worth keeping from call to call. */
void b2_buffer_trim(b2_buffer *buffer);

#endif
