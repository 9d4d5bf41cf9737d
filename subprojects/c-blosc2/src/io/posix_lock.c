/**
 * Locks of a POSIX system: flock() for the lock file, as C-Blosc2 has it, and locks of open file descriptions
 * on a byte far behind any file's end for snapshots.
 *
 * Both belong to the open file and not to the process, so that two handles of one process exclude each other,
 * and that closing one file does not end another one's locks.
 */
#define _FILE_OFFSET_BITS 64
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* F_OFD_SETLK */
#endif

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "blosc2.h"
#include "io/posix.h"

#define FIRST_NUMBER ((int64_t)1 << 62) /* byte of number 0 */

/* ------------------------------------------------------------------ lock file */

static int fail_to_lock(int error, const char *path, const char *action)
{
    return blosc2_fail_io(BLOSC2_E_IO, error, path, "%s: cannot %s: %s (locking=False does without)", path,
                          action, strerror(error));
}

/** True if the open file still has its name: another process may have removed it before it was locked. */
static bool is_at(int descriptor, const char *path)
{
    struct stat opened, named;
    return fstat(descriptor, &opened) == 0 && lstat(path, &named) == 0 && opened.st_dev == named.st_dev &&
           opened.st_ino == named.st_ino;
}

static int try_to_lock(int descriptor, const char *path)
{
    int result;
    do {
        result = flock(descriptor, LOCK_EX | LOCK_NB);
    } while (result < 0 && errno == EINTR);
    if (result < 0 && errno != EWOULDBLOCK) return fail_to_lock(errno, path, "lock");
    if (result < 0 || !is_at(descriptor, path))
        return blosc2_fail_io(BLOSC2_E_LOCKED, EAGAIN, path, "%s: is locked", path);
    return BLOSC2_OK;
}

/** @param descriptor  Passes to the file; closed on failure. */
static int make_file(const char *path, int descriptor, b2_file **out)
{
    size_t path_bytes = strlen(path) + 1;
    b2_posix_file *f = b2_malloc(sizeof *f + path_bytes);
    if (!f) {
        close(descriptor);
        return blosc2_fail(BLOSC2_E_MEMORY, "%s: cannot allocate a file", path);
    }
    memcpy(f->path, path, path_bytes);
    f->descriptor = descriptor;
    f->writable = true;
    f->process = (long)getpid();
    *out = (b2_file *)f;
    return BLOSC2_OK;
}

int b2_posix_lock(void *context, const char *path, b2_file **out)
{
    (void)context;
    int descriptor = b2_posix_open(path, O_RDWR | O_CREAT | O_NOFOLLOW);
    if (descriptor < 0) return fail_to_lock(errno, path, "open the lock file");
    int status = b2_posix_check_regular(descriptor, path);
    if (status < 0)
        status =
            blosc2_fail_io(BLOSC2_E_IO, EEXIST, path,
                           "%s is not a lock file, though it has the name of one: it is not a regular file. "
                           "Rename or remove it, or open the array with locking=False",
                           path);
    if (status == BLOSC2_OK) status = try_to_lock(descriptor, path);
    if (status < 0) {
        close(descriptor);
        return status;
    }
    return make_file(path, descriptor, out);
}

void b2_posix_unlock(void *context, b2_file *file)
{
    (void)context;
    b2_posix_file *f = (b2_posix_file *)file;
    if (!f) return;
    /* Closing is not enough: a child that was forked meanwhile has the open file too. */
    if (f->process == (long)getpid()) flock(f->descriptor, LOCK_UN);
    close(f->descriptor);
    b2_free(f);
}

/* ------------------------------------------------------------------ snapshots */

#ifdef F_OFD_SETLK

static struct flock bytes_of(b2_numbers numbers, short type)
{
    return (struct flock){.l_type = type,
                          .l_whence = SEEK_SET,
                          .l_start = (off_t)(FIRST_NUMBER + (int64_t)numbers.first),
                          .l_len = (off_t)numbers.count};
}

int b2_posix_hold(void *context, const char *path, b2_identity *of, b2_file **out)
{
    (void)context;
    *out = NULL;
    int descriptor = b2_posix_open(path, O_RDONLY);
    if (descriptor < 0) return BLOSC2_OK;
    struct flock bytes = bytes_of((b2_numbers){0, B2_NUMBERS}, F_RDLCK);
    if (fcntl(descriptor, F_OFD_SETLK, &bytes) == 0 && b2_posix_identify(descriptor, path, of) == BLOSC2_OK)
        return make_file(path, descriptor, out);
    close(descriptor); /* some file systems have no such locks */
    return BLOSC2_OK;
}

/** What is not let go is held, which keeps more than it need. */
static void let_go(int descriptor, b2_numbers numbers)
{
    struct flock bytes = bytes_of(numbers, F_UNLCK);
    if (numbers.count) fcntl(descriptor, F_OFD_SETLK, &bytes); /* 0 bytes would be all that follow */
}

void b2_posix_narrow(void *context, b2_file *own, b2_numbers numbers)
{
    (void)context;
    const b2_posix_file *f = (const b2_posix_file *)own;
    uint64_t stop = numbers.first + numbers.count;
    if (!f || numbers.count == 0 || numbers.first > B2_NUMBERS || stop > B2_NUMBERS) return;
    let_go(f->descriptor, (b2_numbers){0, numbers.first});
    let_go(f->descriptor, (b2_numbers){stop, B2_NUMBERS - stop});
}

/** What this open file itself holds does not count. */
b2_held b2_posix_held(void *context, b2_file *own, b2_numbers numbers, b2_numbers *found)
{
    (void)context;
    const b2_posix_file *f = (const b2_posix_file *)own;
    if (!f) return B2_HELD_UNKNOWN;
    if (numbers.count == 0) return B2_HELD_NONE;
    struct flock bytes = bytes_of(numbers, F_WRLCK);
    if (fcntl(f->descriptor, F_OFD_GETLK, &bytes) < 0) return B2_HELD_UNKNOWN;
    if (bytes.l_type == F_UNLCK) return B2_HELD_NONE;
    int64_t first = (int64_t)bytes.l_start - FIRST_NUMBER, count = (int64_t)bytes.l_len;
    if (first < 0 || count <= 0) return B2_HELD_UNKNOWN; /* not ours */
    *found = (b2_numbers){(uint64_t)first, (uint64_t)count};
    return B2_HELD_SOME;
}

#else

int b2_posix_hold(void *context, const char *path, b2_identity *of, b2_file **out)
{
    (void)context;
    (void)path;
    (void)of;
    *out = NULL;
    return BLOSC2_OK;
}

void b2_posix_narrow(void *context, b2_file *own, b2_numbers numbers)
{
    (void)context;
    (void)own;
    (void)numbers;
}

b2_held b2_posix_held(void *context, b2_file *own, b2_numbers numbers, b2_numbers *found)
{
    (void)context;
    (void)own;
    (void)numbers;
    (void)found;
    return B2_HELD_UNKNOWN;
}

#endif

/* ------------------------------------------------------------------ waiting, and who is waited for */

void b2_io_sleep(int milliseconds)
{
    const struct timespec time = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000L};
    nanosleep(&time, NULL);
}

int64_t b2_io_milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void b2_io_host(char out[B2_HOST_BYTES])
{
    if (gethostname(out, B2_HOST_BYTES) < 0) out[0] = '\0';
    out[B2_HOST_BYTES - 1] = '\0';
}

bool b2_io_process_lives(int64_t process)
{
    if (process <= 0 || process > INT32_MAX) return true;
    return kill((pid_t)process, 0) == 0 || errno != ESRCH;
}

int64_t b2_io_own_process(void)
{
    return (int64_t)getpid();
}

void b2_io_process_space(char out[B2_HOST_BYTES])
{
    ssize_t bytes = readlink("/proc/self/ns/pid", out, B2_HOST_BYTES - 1); /* Linux */
    out[bytes > 0 ? bytes : 0] = '\0';
}

uint64_t b2_io_ticks(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_nsec ^ (uint64_t)now.tv_sec << 20;
}
