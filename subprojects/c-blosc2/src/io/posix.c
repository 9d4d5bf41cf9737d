/** Files of a POSIX system. Only this file calls it: another system gets one like it. */
#define _FILE_OFFSET_BITS 64 /* positions over 2 GiB on 32 bits */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* syscall() */
#endif

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

#include "base/memory.h"
#include "blosc2.h"
#include "io/io.h"
#include "io/map.h"
#include "io/posix.h"

/** Most bytes of one transfer: macOS refuses more than INT_MAX. */
#define TRANSFER_BYTES ((size_t)1 << 30)

typedef b2_posix_file system_file;

/* ------------------------------------------------------------------ failures */

static int status_of(int error)
{
    return error == EEXIST ? BLOSC2_E_EXISTS : error == ENOENT ? BLOSC2_E_NOT_FOUND : BLOSC2_E_IO;
}

static int fail(int error, const char *path, const char *action)
{
    return blosc2_fail_io(status_of(error), error, path, "%s: cannot %s: %s", path, action, strerror(error));
}

static int fail_to_rename(int error, const char *from, const char *to)
{
    return blosc2_fail_io(status_of(error), error, error == EEXIST ? to : from, "%s: cannot rename to %s: %s",
                          from, to, strerror(error));
}

/** The status of a system call that returns 0 or sets errno. */
static int check(int result, const char *path, const char *action)
{
    return result == 0 ? BLOSC2_OK : fail(errno, path, action);
}

static int check_writable(const system_file *f)
{
    if (f->writable) return BLOSC2_OK;
    return blosc2_fail_io(BLOSC2_E_READ_ONLY, 0, f->path, "%s: is open for reading only", f->path);
}

/* ------------------------------------------------------------------ opening */

int b2_posix_open(const char *path, int flags)
{
    flags |= O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    int descriptor;
    do {
        descriptor = open(path, flags, 0666);
        /* Only a file on which another process holds a lease (as Samba does) is EAGAIN: wait for that one. */
        if (descriptor < 0 && errno == EAGAIN) descriptor = open(path, flags & ~O_NONBLOCK, 0666);
    } while (descriptor < 0 && errno == EINTR);
    return descriptor;
}

int b2_posix_check_regular(int descriptor, const char *path)
{
    struct stat info;
    if (fstat(descriptor, &info) < 0) return fail(errno, path, "stat");
    if (S_ISREG(info.st_mode)) return BLOSC2_OK;
    if (S_ISDIR(info.st_mode)) return fail(EISDIR, path, "open");
    return blosc2_fail_io(BLOSC2_E_IO, EINVAL, path, "%s: cannot open: not a regular file", path);
}

static int system_open(void *context, const char *path, b2_open_mode mode, b2_file **out)
{
    static const int FLAGS[] = {
        [B2_OPEN_READ] = O_RDONLY,
        [B2_OPEN_UPDATE] = O_RDWR,
        [B2_OPEN_NEW] = O_RDWR | O_CREAT | O_EXCL,
        [B2_OPEN_READ_INSIDE] = O_RDONLY | O_NOFOLLOW,
    };
    (void)context;
    size_t path_bytes = strlen(path) + 1;
    system_file *f = b2_malloc(sizeof *f + path_bytes);
    if (!f) return blosc2_fail(BLOSC2_E_MEMORY, "%s: cannot allocate a file", path);
    memcpy(f->path, path, path_bytes);
    f->writable = mode == B2_OPEN_UPDATE || mode == B2_OPEN_NEW;
    f->descriptor = b2_posix_open(path, FLAGS[mode]);
    int status;
    if (f->descriptor < 0 && errno == ELOOP && mode == B2_OPEN_READ_INSIDE) {
        status = blosc2_fail_io(BLOSC2_E_IO, ELOOP, path,
                                "%s: cannot open: a symbolic link in a sparse frame", path);
    } else if (f->descriptor < 0) {
        status = fail(errno, path, mode == B2_OPEN_NEW ? "create" : "open");
    } else {
        status = b2_posix_check_regular(f->descriptor, path);
        if (status < 0) close(f->descriptor);
    }
    if (status < 0) {
        b2_free(f);
    } else {
        *out = (b2_file *)f;
    }
    return status;
}

static void system_close(void *context, b2_file *file)
{
    (void)context;
    system_file *f = (system_file *)file;
    if (!f) return;
    close(f->descriptor); /* no second try after EINTR: the descriptor may be another thread's by then */
    b2_free(f);
}

/* ------------------------------------------------------------------ transfers */

static size_t piece(size_t bytes)
{
    return bytes < TRANSFER_BYTES ? bytes : TRANSFER_BYTES;
}

static int system_read(void *context, b2_file *file, void *out, size_t bytes, int64_t position)
{
    (void)context;
    const system_file *f = (const system_file *)file;
    for (size_t done = 0; done < bytes;) {
        ssize_t got =
            pread(f->descriptor, (char *)out + done, piece(bytes - done), (off_t)(position + (int64_t)done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail(errno, f->path, "read");
        if (got == 0) {
            return blosc2_fail_io(BLOSC2_E_CORRUPT, 0, f->path,
                                  "%s: truncated: %zu bytes wanted at offset %" PRId64 ", %zu are there",
                                  f->path, bytes, position, done);
        }
        done += (size_t)got;
    }
    return BLOSC2_OK;
}

static int system_write(void *context, b2_file *file, const void *bytes, size_t count, int64_t position)
{
    (void)context;
    const system_file *f = (const system_file *)file;
    int status = check_writable(f);
    for (size_t done = 0; status == BLOSC2_OK && done < count;) {
        ssize_t put = pwrite(f->descriptor, (const char *)bytes + done, piece(count - done),
                             (off_t)(position + (int64_t)done));
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return fail(put < 0 ? errno : EIO, f->path, "write");
        done += (size_t)put;
    }
    return status;
}

static int system_size(void *context, b2_file *file, int64_t *bytes)
{
    (void)context;
    const system_file *f = (const system_file *)file;
    struct stat info;
    if (fstat(f->descriptor, &info) < 0) return fail(errno, f->path, "stat");
    *bytes = info.st_size;
    return BLOSC2_OK;
}

static int system_truncate(void *context, b2_file *file, int64_t bytes)
{
    (void)context;
    const system_file *f = (const system_file *)file;
    int status = check_writable(f);
    if (status < 0) return status;
    int result;
    do {
        result = ftruncate(f->descriptor, (off_t)bytes);
    } while (result < 0 && errno == EINTR);
    return check(result, f->path, "truncate");
}

/** To the medium, as far as the system can tell. Not again after a failure: the dirty pages may be gone. */
static int sync_descriptor(int descriptor)
{
    int result;
    do {
#ifdef F_FULLFSYNC
        result = fcntl(descriptor, F_FULLFSYNC); /* macOS: fsync() leaves the bytes in the drive's cache */
        if (result < 0 && (errno == ENOTSUP || errno == EINVAL)) result = fsync(descriptor);
#else
        result = fsync(descriptor);
#endif
    } while (result < 0 && errno == EINTR);
    return result < 0 ? -1 : 0;
}

static int system_sync(void *context, b2_file *file)
{
    (void)context;
    const system_file *f = (const system_file *)file;
    return check(sync_descriptor(f->descriptor), f->path, "sync");
}

/** Nothing lies in memory: that is io/mapped.c's, for those who ask for it. */
static const uint8_t *system_map(void *context, b2_file *file, size_t bytes, int64_t position)
{
    (void)context;
    (void)file;
    (void)bytes;
    (void)position;
    return NULL;
}

int b2_map_file(b2_file *file, int64_t bytes, const uint8_t **out)
{
    const system_file *f = (const system_file *)file;
    void *address = MAP_FAILED;
    errno = ENOMEM;
    if ((uint64_t)bytes <= SIZE_MAX)
        address = mmap(NULL, (size_t)bytes, PROT_READ, MAP_SHARED, f->descriptor, 0);
    if (address == MAP_FAILED) return fail(errno, f->path, "map");
    *out = address;
    return BLOSC2_OK;
}

void b2_unmap_file(const uint8_t *bytes, int64_t size)
{
    if (bytes) munmap((void *)(uintptr_t)bytes, (size_t)size);
}

/* ------------------------------------------------------------------ names */

/** Rename without replacing, in one step. @return 0, or -1 with errno: ENOSYS where there is no such call. */
static int rename_exclusive(const char *from, const char *to)
{
#if defined(SYS_renameat2)
    const unsigned no_replace = 1; /* RENAME_NOREPLACE of linux/fs.h */
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, no_replace);
#elif defined(RENAME_EXCL)
    return renamex_np(from, to, RENAME_EXCL); /* macOS */
#else
    (void)from;
    (void)to;
    errno = ENOSYS;
    return -1;
#endif
}

/** A file: under both names, then under the new one alone. @return 0, or -1 with errno. */
static int rename_by_link(const char *from, const char *to)
{
    if (link(from, to) < 0) return -1;
    if (unlink(from) == 0) return 0;
    int error = errno;
    unlink(to);
    errno = error;
    return -1;
}

/** In two steps, with a gap: directories, and files where there are no links. @return 0, or -1 with errno. */
static int rename_after_look(const char *from, const char *to)
{
    struct stat info;
    if (lstat(to, &info) == 0) {
        errno = EEXIST;
        return -1;
    }
    if (errno != ENOENT) return -1;
    int result = rename(from, to);
    if (result < 0 && errno == ENOTEMPTY) errno = EEXIST;
    return result;
}

static int system_rename_new(void *context, const char *from, const char *to)
{
    (void)context;
    int result = rename_exclusive(from, to);
    /* EINVAL, ENOTSUP: this file system cannot, e.g. NFS. */
    if (result < 0 && (errno == ENOSYS || errno == EINVAL || errno == ENOTSUP)) {
        struct stat info;
        if (lstat(from, &info) < 0) return fail_to_rename(errno, from, to);
        result = S_ISDIR(info.st_mode) ? -1 : rename_by_link(from, to);
        if (result < 0 && errno != EEXIST) result = rename_after_look(from, to);
    }
    return result == 0 ? BLOSC2_OK : fail_to_rename(errno, from, to);
}

static int system_rename_over(void *context, const char *from, const char *to)
{
    (void)context;
    return rename(from, to) == 0 ? BLOSC2_OK : fail_to_rename(errno, from, to);
}

static int system_remove(void *context, const char *path)
{
    (void)context;
    return check(unlink(path), path, "remove");
}

static int system_make_directory(void *context, const char *path)
{
    (void)context;
    return check(mkdir(path, 0777), path, "make the directory");
}

static int system_remove_directory(void *context, const char *path)
{
    (void)context;
    return check(rmdir(path), path, "remove the directory");
}

static int system_kind(void *context, const char *path, b2_path_kind *kind)
{
    (void)context;
    struct stat info;
    if (stat(path, &info) < 0) {
        if (errno != ENOENT && errno != ENOTDIR) return fail(errno, path, "stat");
        *kind = B2_PATH_NONE;
    } else {
        *kind = B2_PATH_OTHER;
        if (S_ISREG(info.st_mode)) *kind = B2_PATH_FILE;
        if (S_ISDIR(info.st_mode)) *kind = B2_PATH_DIRECTORY;
    }
    return BLOSC2_OK;
}

static b2_identity identity_of(const struct stat *info)
{
#ifdef __APPLE__
    const struct timespec *written = &info->st_mtimespec;
#else
    const struct timespec *written = &info->st_mtim;
#endif
    return (b2_identity){.device = (uint64_t)info->st_dev,
                         .number = (uint64_t)info->st_ino,
                         .bytes = (int64_t)info->st_size,
                         .seconds = (int64_t)written->tv_sec,
                         .nanoseconds = (int64_t)written->tv_nsec,
                         .links = (uint64_t)info->st_nlink};
}

static int system_identity(void *context, const char *path, b2_identity *out)
{
    (void)context;
    struct stat info;
    if (stat(path, &info) < 0) return fail(errno, path, "stat");
    *out = identity_of(&info);
    return BLOSC2_OK;
}

int b2_posix_identify(int descriptor, const char *path, b2_identity *out)
{
    struct stat info;
    if (fstat(descriptor, &info) < 0) return fail(errno, path, "stat");
    *out = identity_of(&info);
    return BLOSC2_OK;
}

static int system_identify(void *context, b2_file *file, b2_identity *out)
{
    (void)context;
    const system_file *f = (const system_file *)file;
    return b2_posix_identify(f->descriptor, f->path, out);
}

static int system_sync_directory(void *context, const char *path)
{
    (void)context;
    int descriptor = b2_posix_open(path, O_RDONLY | O_DIRECTORY);
    if (descriptor < 0) return fail(errno, path, "open");
    int result = sync_descriptor(descriptor);
    if (result < 0 && errno == EINVAL) result = 0; /* a file system that has no such thing */
    int status = check(result, path, "sync");
    close(descriptor);
    return status;
}

static int system_list(void *context, const char *path, b2_list_fn *visit, void *visit_context)
{
    (void)context;
    DIR *directory = opendir(path);
    if (!directory) return fail(errno, path, "list");
    errno = 0;
    for (const struct dirent *entry; (entry = readdir(directory)); errno = 0)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            visit(visit_context, entry->d_name);
    int status = check(errno ? -1 : 0, path, "list");
    closedir(directory);
    return status;
}

static char *copy_path(const char *path)
{
    return b2_io_join(path, "", "");
}

/* The directory that a path is in, resolved, and its last part. */
static char *resolve_parent(const char *path)
{
    size_t end = strlen(path), at;
    while (end > 1 && path[end - 1] == '/') end--;
    for (at = end; at > 0 && path[at - 1] != '/';) at--;
    char *directory = copy_path(at ? path : ".");
    if (!directory) return NULL;
    if (at) directory[at] = '\0';
    char *found = realpath(directory, NULL);
    char *joined = found ? b2_io_join(found, found[1] ? "/" : "", path + at) : copy_path(path);
    free(found);
    b2_free(directory);
    return joined;
}

/* What cannot be resolved for another reason cannot be opened either, and says why then. */
static int system_resolve(void *context, const char *path, char **out)
{
    (void)context;
    struct stat info;
    char *found = realpath(path, NULL);
    if (found)
        *out = copy_path(found);
    else
        *out = errno == ENOENT && lstat(path, &info) < 0 ? resolve_parent(path) : copy_path(path);
    free(found);
    return *out ? BLOSC2_OK : BLOSC2_E_MEMORY;
}

const b2_io *b2_io_system(void)
{
    static const b2_io table = {
        .open = system_open,
        .close = system_close,
        .read = system_read,
        .write = system_write,
        .size = system_size,
        .truncate = system_truncate,
        .sync = system_sync,
        .map = system_map,
        .rename_new = system_rename_new,
        .rename_over = system_rename_over,
        .remove = system_remove,
        .make_directory = system_make_directory,
        .remove_directory = system_remove_directory,
        .kind = system_kind,
        .identity = system_identity,
        .identify = system_identify,
        .sync_directory = system_sync_directory,
        .list = system_list,
        .resolve = system_resolve,
        .take_attributes = b2_posix_take_attributes,
        .lock = b2_posix_lock,
        .hold = b2_posix_hold,
        .narrow = b2_posix_narrow,
        .held = b2_posix_held,
        .unlock = b2_posix_unlock,
    };
    return &table;
}
