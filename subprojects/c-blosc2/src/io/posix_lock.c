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

#define FIRST_GENERATION ((int64_t)1 << 62) /* byte of generation 0 */

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

/** The bytes of `count` generations from `first` on. */
static struct flock range_of(uint64_t first, uint64_t count, short type)
{
    return (struct flock){.l_type = type,
                          .l_whence = SEEK_SET,
                          .l_start = (off_t)(FIRST_GENERATION + (int64_t)first),
                          .l_len = (off_t)count};
}

int b2_posix_hold(void *context, const char *path, uint64_t generation, b2_file **out)
{
    (void)context;
    *out = NULL;
    int descriptor = b2_posix_open(path, O_RDONLY);
    if (descriptor < 0) return BLOSC2_OK;
    struct flock range = range_of(generation % B2_GENERATIONS, 1, F_RDLCK);
    if (fcntl(descriptor, F_OFD_SETLK, &range) == 0) return make_file(path, descriptor, out);
    close(descriptor); /* some file systems have no such locks */
    return BLOSC2_OK;
}

/** Whether others hold some of `count` generations. What this open file holds does not count. */
static b2_held held_range(int descriptor, uint64_t first, uint64_t count)
{
    if (count == 0) return B2_HELD_NONE; /* 0 bytes would be all that follow */
    struct flock range = range_of(first, count, F_WRLCK);
    if (fcntl(descriptor, F_OFD_GETLK, &range) < 0) return B2_HELD_UNKNOWN;
    return range.l_type == F_UNLCK ? B2_HELD_NONE : B2_HELD_SOME;
}

b2_held b2_posix_held(void *context, b2_file *own, uint64_t generation)
{
    (void)context;
    const b2_posix_file *f = (const b2_posix_file *)own;
    if (!f) return B2_HELD_UNKNOWN;
    generation %= B2_GENERATIONS;
    b2_held before = held_range(f->descriptor, 0, generation);
    if (before != B2_HELD_NONE) return before;
    return held_range(f->descriptor, generation + 1, B2_GENERATIONS - generation - 1);
}

#else

int b2_posix_hold(void *context, const char *path, uint64_t generation, b2_file **out)
{
    (void)context;
    (void)path;
    (void)generation;
    *out = NULL;
    return BLOSC2_OK;
}

b2_held b2_posix_held(void *context, b2_file *own, uint64_t generation)
{
    (void)context;
    (void)own;
    (void)generation;
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
