/** Another table's functions until the n-th call, for tests: what if the disk dies amid a change? */
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>

#include "base/memory.h"
#include "blosc2.h"
#include "io/io.h"

typedef struct failing {
    b2_io table;
    const b2_io *inner;
    int64_t fail_after; /* negative: never */
    int64_t fail_stop;  /* the first call that works again */
    int os_error;
    bool tears;
    b2_before_fn *before;
    void *before_context;
    _Atomic int64_t calls;
} failing;

/** Count a call of any function but close and map, which cannot fail. @param path NULL of an open file. */
static int count(failing *f, const char *path)
{
    int64_t call = atomic_fetch_add(&f->calls, 1);
    if (f->before) f->before(f->before_context, call);
    if (f->fail_after < 0 || call < f->fail_after || call >= f->fail_stop) return BLOSC2_OK;
    return blosc2_fail_io(BLOSC2_E_IO, f->os_error, path, "%s: call %" PRId64 " failed, as a test wants it",
                          path ? path : "open file", call);
}

static int failing_open(void *context, const char *path, b2_open_mode mode, b2_file **out)
{
    failing *f = context;
    int status = count(f, path);
    return status < 0 ? status : f->inner->open(f->inner->context, path, mode, out);
}

static void failing_close(void *context, b2_file *file)
{
    failing *f = context;
    f->inner->close(f->inner->context, file);
}

static int failing_read(void *context, b2_file *file, void *out, size_t bytes, int64_t position)
{
    failing *f = context;
    int status = count(f, NULL);
    return status < 0 ? status : f->inner->read(f->inner->context, file, out, bytes, position);
}

static int failing_write(void *context, b2_file *file, const void *bytes, size_t size, int64_t position)
{
    failing *f = context;
    int status = count(f, NULL);
    if (status == BLOSC2_OK) return f->inner->write(f->inner->context, file, bytes, size, position);
    if (f->tears && b2_io_failing_calls(&f->table) == f->fail_after + 1) {
        f->inner->write(f->inner->context, file, bytes, size / 2, position);
    }
    return status;
}

static int failing_size(void *context, b2_file *file, int64_t *bytes)
{
    failing *f = context;
    int status = count(f, NULL);
    return status < 0 ? status : f->inner->size(f->inner->context, file, bytes);
}

static int failing_truncate(void *context, b2_file *file, int64_t bytes)
{
    failing *f = context;
    int status = count(f, NULL);
    return status < 0 ? status : f->inner->truncate(f->inner->context, file, bytes);
}

static int failing_sync(void *context, b2_file *file)
{
    failing *f = context;
    int status = count(f, NULL);
    return status < 0 ? status : f->inner->sync(f->inner->context, file);
}

static const uint8_t *failing_map(void *context, b2_file *file, size_t bytes, int64_t position)
{
    failing *f = context;
    return f->inner->map(f->inner->context, file, bytes, position);
}

static int failing_rename_new(void *context, const char *from, const char *to)
{
    failing *f = context;
    int status = count(f, from);
    return status < 0 ? status : f->inner->rename_new(f->inner->context, from, to);
}

static int failing_rename_over(void *context, const char *from, const char *to)
{
    failing *f = context;
    int status = count(f, from);
    return status < 0 ? status : f->inner->rename_over(f->inner->context, from, to);
}

static int failing_remove(void *context, const char *path)
{
    failing *f = context;
    int status = count(f, path);
    return status < 0 ? status : f->inner->remove(f->inner->context, path);
}

static int failing_make_directory(void *context, const char *path)
{
    failing *f = context;
    int status = count(f, path);
    return status < 0 ? status : f->inner->make_directory(f->inner->context, path);
}

static int failing_remove_directory(void *context, const char *path)
{
    failing *f = context;
    int status = count(f, path);
    return status < 0 ? status : f->inner->remove_directory(f->inner->context, path);
}

static int failing_kind(void *context, const char *path, b2_path_kind *kind)
{
    failing *f = context;
    int status = count(f, path);
    return status < 0 ? status : f->inner->kind(f->inner->context, path, kind);
}

static int failing_identity(void *context, const char *path, b2_identity *out)
{
    failing *f = context;
    int status = count(f, path);
    return status < 0 ? status : f->inner->identity(f->inner->context, path, out);
}

static int failing_identify(void *context, b2_file *file, b2_identity *out)
{
    failing *f = context;
    int status = count(f, NULL);
    return status < 0 ? status : f->inner->identify(f->inner->context, file, out);
}

static int failing_sync_directory(void *context, const char *path)
{
    failing *f = context;
    int status = count(f, path);
    return status < 0 ? status : f->inner->sync_directory(f->inner->context, path);
}

static int failing_resolve(void *context, const char *path, char **out)
{
    failing *f = context;
    return f->inner->resolve(f->inner->context, path, out); /* for want of memory alone */
}

static void failing_take_attributes(void *context, b2_file *file, const char *like, b2_attributes what)
{
    failing *f = context;
    f->inner->take_attributes(f->inner->context, file, like, what); /* cannot fail */
}

static int failing_list(void *context, const char *path, b2_list_fn *visit, void *visit_context)
{
    failing *f = context;
    int status = count(f, path);
    return status < 0 ? status : f->inner->list(f->inner->context, path, visit, visit_context);
}

static int failing_lock(void *context, const char *path, b2_file **out)
{
    failing *f = context;
    int status = count(f, path);
    return status < 0 ? status : f->inner->lock(f->inner->context, path, out);
}

static int failing_hold(void *context, const char *path, b2_identity *of, b2_file **out)
{
    failing *f = context;
    int status = count(f, path);
    return status < 0 ? status : f->inner->hold(f->inner->context, path, of, out);
}

static void failing_narrow(void *context, b2_file *own, b2_numbers numbers)
{
    failing *f = context;
    f->inner->narrow(f->inner->context, own, numbers);
}

static b2_held failing_held(void *context, b2_file *own, b2_numbers numbers, b2_numbers *found)
{
    failing *f = context;
    return f->inner->held(f->inner->context, own, numbers, found);
}

static void failing_unlock(void *context, b2_file *file)
{
    failing *f = context;
    f->inner->unlock(f->inner->context, file);
}

int b2_io_failing_create(const b2_io *inner, int64_t fail_after, b2_io **out)
{
    failing *f = b2_calloc(sizeof *f);
    if (!f) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a failing table");
    f->inner = inner;
    f->fail_after = fail_after;
    f->fail_stop = INT64_MAX;
    f->os_error = EIO;
    f->table = (b2_io){
        .context = f,
        .open = failing_open,
        .close = failing_close,
        .read = failing_read,
        .write = failing_write,
        .size = failing_size,
        .truncate = failing_truncate,
        .sync = failing_sync,
        .map = failing_map,
        .rename_new = failing_rename_new,
        .rename_over = failing_rename_over,
        .remove = failing_remove,
        .make_directory = failing_make_directory,
        .remove_directory = failing_remove_directory,
        .kind = failing_kind,
        .identity = failing_identity,
        .identify = failing_identify,
        .sync_directory = failing_sync_directory,
        .list = failing_list,
        .resolve = inner->resolve ? failing_resolve : NULL,
        .take_attributes = inner->take_attributes ? failing_take_attributes : NULL,
        .lock = failing_lock,
        .hold = failing_hold,
        .narrow = failing_narrow,
        .held = failing_held,
        .unlock = failing_unlock,
    };
    *out = &f->table;
    return BLOSC2_OK;
}

int64_t b2_io_failing_calls(const b2_io *io)
{
    const failing *f = io->context;
    return atomic_load(&f->calls);
}

void b2_io_failing_tear(b2_io *io)
{
    failing *f = io->context;
    f->tears = true;
}

void b2_io_failing_once(b2_io *io, int os_error)
{
    failing *f = io->context;
    f->fail_stop = f->fail_after + 1;
    f->os_error = os_error;
}

void b2_io_failing_before(b2_io *io, b2_before_fn *before, void *context)
{
    failing *f = io->context;
    f->before = before;
    f->before_context = context;
}

void b2_io_failing_heal(b2_io *io)
{
    failing *f = io->context;
    f->fail_after = -1;
}

void b2_io_failing_free(b2_io *io)
{
    if (io) b2_free(io->context);
}
