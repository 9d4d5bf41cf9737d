/** One file on the heap that grows as it is written: frames in memory. */
#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "blosc2.h"
#include "io/io.h"

/** What both the context and the b2_file of the table are. */
typedef struct memory_file {
    b2_io table;
    b2_buffer buffer; /* grows by half; its first `size` bytes are the file */
    size_t size;
} memory_file;

static int memory_open(void *context, const char *path, b2_open_mode mode, b2_file **out)
{
    (void)path;
    (void)mode;
    *out = (b2_file *)context;
    return BLOSC2_OK;
}

static void memory_close(void *context, b2_file *file)
{
    (void)context;
    (void)file;
}

static const uint8_t *memory_map(void *context, b2_file *file, size_t bytes, int64_t position)
{
    (void)file;
    const memory_file *m = context;
    if (position < 0 || (uint64_t)position > m->size || bytes > m->size - (size_t)position) return NULL;
    return m->buffer.bytes ? m->buffer.bytes + position : NULL;
}

static int memory_read(void *context, b2_file *file, void *out, size_t bytes, int64_t position)
{
    const memory_file *m = context;
    if (bytes == 0) return BLOSC2_OK;
    const uint8_t *from = memory_map(context, file, bytes, position);
    if (!from) {
        return blosc2_fail(BLOSC2_E_CORRUPT,
                           "memory: truncated: %zu bytes wanted at offset %" PRId64 ", the file has %zu",
                           bytes, position, m->size);
    }
    memcpy(out, from, bytes);
    return BLOSC2_OK;
}

static int reserve(memory_file *m, int64_t bytes)
{
    if (bytes < 0 || (uint64_t)bytes > SIZE_MAX) {
        return blosc2_fail(BLOSC2_E_ARGUMENT, "memory: a file of %" PRId64 " bytes (expected 0..%zu)", bytes,
                           SIZE_MAX);
    }
    return b2_buffer_reserve(&m->buffer, (size_t)bytes);
}

static int memory_truncate(void *context, b2_file *file, int64_t bytes)
{
    (void)file;
    memory_file *m = context;
    int status = reserve(m, bytes);
    if (status < 0) return status;
    size_t size = (size_t)bytes;
    if (size > m->size) memset(m->buffer.bytes + m->size, 0, size - m->size);
    m->size = size;
    return BLOSC2_OK;
}

static int memory_write(void *context, b2_file *file, const void *bytes, size_t count, int64_t position)
{
    (void)file;
    memory_file *m = context;
    if (count == 0) return BLOSC2_OK;
    if (position < 0 || count > (uint64_t)(INT64_MAX - position)) {
        return blosc2_fail(BLOSC2_E_ARGUMENT, "memory: %zu bytes at offset %" PRId64 " (expected 0 or more)",
                           count, position);
    }
    int64_t end = position + (int64_t)count;
    int status = reserve(m, end);
    if (status < 0) return status;
    size_t start = (size_t)position;
    if (start > m->size) memset(m->buffer.bytes + m->size, 0, start - m->size);
    memcpy(m->buffer.bytes + start, bytes, count);
    if (start + count > m->size) m->size = start + count;
    return BLOSC2_OK;
}

static int memory_size(void *context, b2_file *file, int64_t *bytes)
{
    (void)file;
    const memory_file *m = context;
    *bytes = (int64_t)m->size;
    return BLOSC2_OK;
}

/* ------------------------------------------------------------------ names: the file has none, so all fit */

static int memory_sync(void *context, b2_file *file)
{
    (void)context;
    (void)file;
    return BLOSC2_OK;
}

static int memory_rename(void *context, const char *from, const char *to)
{
    (void)context;
    (void)from;
    (void)to;
    return BLOSC2_OK;
}

static int memory_ignore(void *context, const char *path)
{
    (void)context;
    (void)path;
    return BLOSC2_OK;
}

static int memory_refuse(void *context, const char *path)
{
    (void)context;
    return blosc2_fail(BLOSC2_E_ARGUMENT, "%s: no directories in memory", path);
}

static int memory_identity(void *context, const char *path, b2_identity *out)
{
    (void)context;
    (void)path;
    *out = (b2_identity){0}; /* nobody else can change it */
    return BLOSC2_OK;
}

static int memory_identify(void *context, b2_file *file, b2_identity *out)
{
    (void)file;
    return memory_identity(context, NULL, out);
}

static int memory_kind(void *context, const char *path, b2_path_kind *kind)
{
    (void)context;
    (void)path;
    *kind = B2_PATH_FILE;
    return BLOSC2_OK;
}

static int memory_list(void *context, const char *path, b2_list_fn *visit, void *visit_context)
{
    (void)visit;
    (void)visit_context;
    return memory_refuse(context, path);
}

/* ------------------------------------------------------------------ locks: nobody else can open it */

static int memory_lock(void *context, const char *path, b2_file **out)
{
    (void)path;
    *out = (b2_file *)context;
    return BLOSC2_OK;
}

static int memory_hold(void *context, const char *path, b2_identity *of, b2_file **out)
{
    (void)of;
    return memory_lock(context, path, out);
}

static void memory_narrow(void *context, b2_file *own, b2_numbers numbers)
{
    (void)context;
    (void)own;
    (void)numbers;
}

static b2_held memory_held(void *context, b2_file *own, b2_numbers numbers, b2_numbers *found)
{
    (void)context;
    (void)own;
    (void)numbers;
    (void)found;
    return B2_HELD_NONE;
}

/* ------------------------------------------------------------------ owner */

int b2_io_memory_create(b2_io **out)
{
    memory_file *m = b2_calloc(sizeof *m);
    if (!m) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a file in memory");
    m->table = (b2_io){
        .context = m,
        .open = memory_open,
        .close = memory_close,
        .read = memory_read,
        .write = memory_write,
        .size = memory_size,
        .truncate = memory_truncate,
        .sync = memory_sync,
        .map = memory_map,
        .rename_new = memory_rename,
        .rename_over = memory_rename,
        .remove = memory_ignore,
        .make_directory = memory_refuse,
        .remove_directory = memory_refuse,
        .kind = memory_kind,
        .identity = memory_identity,
        .identify = memory_identify,
        .sync_directory = memory_ignore,
        .list = memory_list,
        .lock = memory_lock,
        .hold = memory_hold,
        .narrow = memory_narrow,
        .held = memory_held,
        .unlock = memory_close,
    };
    *out = &m->table;
    return BLOSC2_OK;
}

void b2_io_memory_take(b2_io *io, uint8_t **bytes, size_t *size)
{
    memory_file *m = io->context;
    *bytes = m->buffer.bytes;
    *size = m->size;
    m->buffer = (b2_buffer){0};
    m->size = 0;
}

void b2_io_memory_free(b2_io *io)
{
    if (!io) return;
    memory_file *m = io->context;
    b2_buffer_free(&m->buffer);
    b2_free(m);
}
