/** Preloaded: reads and writes transfer less than was asked for, or are interrupted, as the system may do. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/types.h>

typedef ssize_t read_fn(int, void *, size_t, off_t);
typedef ssize_t write_fn(int, const void *, size_t, off_t);

static atomic_uint calls;

/** Every third call is interrupted; the others may transfer a part. */
static int is_interrupted(size_t *bytes)
{
    if (atomic_fetch_add(&calls, 1) % 3 == 0) {
        errno = EINTR;
        return 1;
    }
    if (*bytes > 1) *bytes = *bytes / 2 + 1;
    return 0;
}

ssize_t pread(int file, void *out, size_t bytes, off_t position)
{
    read_fn *next = (read_fn *)dlsym(RTLD_NEXT, "pread");
    return is_interrupted(&bytes) ? -1 : next(file, out, bytes, position);
}

ssize_t pread64(int file, void *out, size_t bytes, off_t position)
{
    read_fn *next = (read_fn *)dlsym(RTLD_NEXT, "pread64");
    return is_interrupted(&bytes) ? -1 : next(file, out, bytes, position);
}

ssize_t pwrite(int file, const void *in, size_t bytes, off_t position)
{
    write_fn *next = (write_fn *)dlsym(RTLD_NEXT, "pwrite");
    return is_interrupted(&bytes) ? -1 : next(file, in, bytes, position);
}

ssize_t pwrite64(int file, const void *in, size_t bytes, off_t position)
{
    write_fn *next = (write_fn *)dlsym(RTLD_NEXT, "pwrite64");
    return is_interrupted(&bytes) ? -1 : next(file, in, bytes, position);
}
