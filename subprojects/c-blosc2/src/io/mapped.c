/**
 * Files for reading that lie in memory: the system's, mapped whole when they are opened. Reads are copies,
 * and who asks for a pointer gets one. Whoever cuts such a file during a read ends the process that reads
 * behind its end, where the system allows it at all; one that was cut before is noticed. A caller must ask
 * for this.
 */
#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "blosc2.h"
#include "io/io.h"
#include "io/map.h"

typedef struct mapped_file {
    b2_file *inner;
    const uint8_t *bytes; /* NULL of an empty file */
    int64_t size;
} mapped_file;

static int mapped_open(void *context, const char *path, b2_open_mode mode, b2_file **out)
{
    const b2_io *inner = b2_io_system();
    if (mode != B2_OPEN_READ && mode != B2_OPEN_READ_INSIDE)
        return blosc2_fail_io(BLOSC2_E_READ_ONLY, 0, path, "%s: is mapped for reading only", path);
    mapped_file *f = b2_calloc(sizeof *f);
    if (!f) return blosc2_fail(BLOSC2_E_MEMORY, "%s: cannot allocate a file", path);
    int status = inner->open(context, path, mode, &f->inner);
    if (status == BLOSC2_OK) {
        status = inner->size(context, f->inner, &f->size);
        if (status == BLOSC2_OK && f->size > 0) status = b2_map_file(f->inner, f->size, &f->bytes);
        if (status < 0) inner->close(context, f->inner);
    }
    if (status < 0) {
        b2_free(f);
        return status;
    }
    *out = (b2_file *)f;
    return BLOSC2_OK;
}

static void mapped_close(void *context, b2_file *file)
{
    mapped_file *f = (mapped_file *)file;
    if (!f) return;
    b2_unmap_file(f->bytes, f->size);
    b2_io_system()->close(context, f->inner);
    b2_free(f);
}

static const uint8_t *mapped_map(void *context, b2_file *file, size_t bytes, int64_t position)
{
    (void)context;
    const mapped_file *f = (const mapped_file *)file;
    int64_t now; /* whoever has cut the file since must not end this process: it costs a fraction of a
                    microsecond */
    if (b2_io_system()->size(context, f->inner, &now) < 0 || now > f->size) now = f->size;
    if (position < 0 || position > now || bytes > (uint64_t)(now - position)) return NULL;
    return f->bytes ? f->bytes + position : NULL;
}

/** What is not in the map is not in the file, or not any more, or has come later: the file itself answers. */
static int mapped_read(void *context, b2_file *file, void *out, size_t bytes, int64_t position)
{
    const uint8_t *from = mapped_map(context, file, bytes, position);
    if (!from) return b2_io_system()->read(context, ((mapped_file *)file)->inner, out, bytes, position);
    memcpy(out, from, bytes);
    return BLOSC2_OK;
}

static int mapped_size(void *context, b2_file *file, int64_t *bytes)
{
    (void)context;
    *bytes = ((mapped_file *)file)->size;
    return BLOSC2_OK;
}

static int mapped_identify(void *context, b2_file *file, b2_identity *out)
{
    return b2_io_system()->identify(context, ((mapped_file *)file)->inner, out);
}

/* The system's own functions refuse, as the file is open for reading. */

static int mapped_write(void *context, b2_file *file, const void *bytes, size_t count, int64_t position)
{
    return b2_io_system()->write(context, ((mapped_file *)file)->inner, bytes, count, position);
}

static int mapped_truncate(void *context, b2_file *file, int64_t bytes)
{
    return b2_io_system()->truncate(context, ((mapped_file *)file)->inner, bytes);
}

static int mapped_sync(void *context, b2_file *file)
{
    return b2_io_system()->sync(context, ((mapped_file *)file)->inner);
}

void b2_io_mapped(b2_io *out)
{
    *out = *b2_io_system();
    out->open = mapped_open;
    out->close = mapped_close;
    out->read = mapped_read;
    out->write = mapped_write;
    out->size = mapped_size;
    out->identify = mapped_identify;
    out->truncate = mapped_truncate;
    out->sync = mapped_sync;
    out->map = mapped_map;
}
