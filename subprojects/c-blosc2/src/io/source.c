/** A read-only file behind a callback: remote ranges, archives, anything that can be read at a position. */
#include <inttypes.h>

#include "base/memory.h"
#include "blosc2.h"
#include "io/io.h"

/** What both the context and the b2_file of the table are. */
typedef struct source {
    b2_io table;
    blosc2_read_fn *read;
    void *context; /* of the callback */
    int64_t size;
} source;

static int refuse(void)
{
    return blosc2_fail(BLOSC2_E_READ_ONLY, "source: can only be read");
}

static int source_open(void *context, const char *path, b2_open_mode mode, b2_file **out)
{
    (void)path;
    if (mode == B2_OPEN_UPDATE || mode == B2_OPEN_NEW) return refuse();
    *out = (b2_file *)context;
    return BLOSC2_OK;
}

static void source_close(void *context, b2_file *file)
{
    (void)context;
    (void)file;
}

static int source_read(void *context, b2_file *file, void *out, size_t bytes, int64_t position)
{
    (void)file;
    const source *s = context;
    if (bytes == 0) return BLOSC2_OK;
    if (position < 0 || position > s->size || bytes > (uint64_t)(s->size - position)) {
        return blosc2_fail(BLOSC2_E_CORRUPT,
                           "source: truncated: %zu bytes wanted at offset %" PRId64 ", there are %" PRId64,
                           bytes, position, s->size);
    }
    blosc2_fail(BLOSC2_OK, "%s", ""); /* so that a message of the callback can be told from an old one */
    int result = s->read(s->context, out, bytes, position);
    if (result == 0) return BLOSC2_OK;
    if (blosc2_last_error()[0] == '\0') {
        return blosc2_fail(BLOSC2_E_IO, "source: reading %zu bytes at offset %" PRId64 " failed: %d", bytes,
                           position, result);
    }
    return result < 0 && result >= BLOSC2_E_READ_ONLY ? result : BLOSC2_E_IO;
}

static int source_write(void *context, b2_file *file, const void *bytes, size_t count, int64_t position)
{
    (void)context;
    (void)file;
    (void)bytes;
    (void)count;
    (void)position;
    return refuse();
}

static int source_size(void *context, b2_file *file, int64_t *bytes)
{
    (void)file;
    const source *s = context;
    *bytes = s->size;
    return BLOSC2_OK;
}

static int source_truncate(void *context, b2_file *file, int64_t bytes)
{
    (void)context;
    (void)file;
    (void)bytes;
    return refuse();
}

static int source_sync(void *context, b2_file *file)
{
    (void)context;
    (void)file;
    return refuse();
}

static const uint8_t *source_map(void *context, b2_file *file, size_t bytes, int64_t position)
{
    (void)context;
    (void)file;
    (void)bytes;
    (void)position;
    return NULL;
}

static int source_rename(void *context, const char *from, const char *to)
{
    (void)context;
    (void)from;
    (void)to;
    return refuse();
}

static int source_change(void *context, const char *path)
{
    (void)context;
    (void)path;
    return refuse();
}

static int source_identity(void *context, const char *path, b2_identity *out)
{
    (void)context;
    (void)path;
    *out = (b2_identity){0}; /* nobody else can change it */
    return BLOSC2_OK;
}

static int source_identify(void *context, b2_file *file, b2_identity *out)
{
    (void)file;
    return source_identity(context, NULL, out);
}

static int source_list(void *context, const char *path, b2_list_fn *visit, void *visit_context)
{
    (void)context;
    (void)path;
    (void)visit;
    (void)visit_context;
    return refuse();
}

static int source_lock(void *context, const char *path, b2_file **out)
{
    (void)context;
    (void)path;
    (void)out;
    return refuse();
}

static int source_hold(void *context, const char *path, b2_identity *of, b2_file **out)
{
    (void)of;
    (void)context;
    (void)path;
    *out = NULL;
    return BLOSC2_OK;
}

static void source_narrow(void *context, b2_file *own, b2_numbers numbers)
{
    (void)context;
    (void)own;
    (void)numbers;
}

static b2_held source_held(void *context, b2_file *own, b2_numbers numbers, b2_numbers *found)
{
    (void)context;
    (void)own;
    (void)numbers;
    (void)found;
    return B2_HELD_UNKNOWN;
}

static int source_kind(void *context, const char *path, b2_path_kind *kind)
{
    (void)context;
    (void)path;
    *kind = B2_PATH_FILE;
    return BLOSC2_OK;
}

int b2_io_source_create(blosc2_read_fn *read, void *context, int64_t size, b2_io **out)
{
    if (size < 0)
        return blosc2_fail(BLOSC2_E_ARGUMENT, "source: size %" PRId64 " (expected 0 or more)", size);
    source *s = b2_calloc(sizeof *s);
    if (!s) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a source");
    *s = (source){
        .table =
            {
                .context = s,
                .open = source_open,
                .close = source_close,
                .read = source_read,
                .write = source_write,
                .size = source_size,
                .truncate = source_truncate,
                .sync = source_sync,
                .map = source_map,
                .rename_new = source_rename,
                .rename_over = source_rename,
                .remove = source_change,
                .make_directory = source_change,
                .remove_directory = source_change,
                .kind = source_kind,
                .identity = source_identity,
                .identify = source_identify,
                .sync_directory = source_change,
                .list = source_list,
                .lock = source_lock,
                .hold = source_hold,
                .narrow = source_narrow,
                .held = source_held,
                .unlock = source_close,
            },
        .read = read,
        .context = context,
        .size = size,
    };
    *out = &s->table;
    return BLOSC2_OK;
}

void b2_io_source_free(b2_io *io)
{
    if (io) b2_free(io->context);
}
