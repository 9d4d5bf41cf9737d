/**
 * What a file is besides its bytes: mode, owner, and on Linux extended attributes. Taken over by files that
 * take another one's place, as far as the system allows; what it does not is left, as `cp -p` leaves it.
 */
#define _FILE_OFFSET_BITS 64
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/xattr.h>
#endif

#include "base/memory.h"
#include "io/posix.h"

#ifdef __linux__

enum { LIST_BYTES = 64 * 1024, VALUE_BYTES = 64 * 1024 }; /* the most that Linux has */

/* The user's own, and the access control list that belongs to the mode. */
static bool is_kept(const char *name)
{
    return strncmp(name, "user.", 5) == 0 || strcmp(name, "system.posix_acl_access") == 0;
}

static void take_extended(int descriptor, const char *like)
{
    ssize_t bytes = listxattr(like, NULL, 0);
    if (bytes <= 0 || bytes > LIST_BYTES) return;
    char *room = b2_malloc((size_t)bytes + VALUE_BYTES);
    ssize_t listed = room ? listxattr(like, room, (size_t)bytes) : 0;
    char *value = room + bytes;
    for (ssize_t at = 0; at < listed; at += (ssize_t)strlen(room + at) + 1) {
        if (!is_kept(room + at)) continue;
        ssize_t size = getxattr(like, room + at, value, VALUE_BYTES);
        if (size >= 0) fsetxattr(descriptor, room + at, value, (size_t)size, 0);
    }
    b2_free(room);
}

#else

static void take_extended(int descriptor, const char *like)
{
    (void)descriptor;
    (void)like;
}

#endif

static void take_owner(int descriptor, const struct stat *own, const struct stat *like)
{
    if (own->st_uid == like->st_uid && own->st_gid == like->st_gid) return;
    if (fchown(descriptor, like->st_uid, like->st_gid) == 0) return;
    if (fchown(descriptor, (uid_t)-1, like->st_gid) < 0) return; /* the group alone, if we are in it */
}

/* What was found at the name of a lock file may be another file, which somebody has put there: its owner and
 * mode are not ours to give away. A lock file is empty, or short, and begins with zeros (frame-format.md 9).
 * Who locks has asked before (schunk/lock_file.h); here it is asked of the open file itself. */
static bool looks_like_lock(int descriptor, const struct stat *info)
{
    enum { LOCK_BYTES_MAX = 128 };
    static const char zeros[8];
    char start[sizeof zeros];
    if (info->st_nlink != 1 || info->st_size > LOCK_BYTES_MAX) return false;
    ssize_t got = pread(descriptor, start, sizeof start, 0);
    return got == 0 || (got == (ssize_t)sizeof start && memcmp(start, zeros, sizeof start) == 0);
}

void b2_posix_take_attributes(void *context, b2_file *file, const char *like, b2_attributes what)
{
    (void)context;
    int descriptor = ((const b2_posix_file *)file)->descriptor;
    struct stat own, other;
    if (fstat(descriptor, &own) < 0 || stat(like, &other) < 0) return;
    bool is_lock = what == B2_ATTRIBUTES_LOCK;
    if (is_lock && !looks_like_lock(descriptor, &own)) return;
    take_owner(descriptor, &own, &other);
    mode_t bits = is_lock ? 0666 : 0777, mode = other.st_mode & bits;
    if ((own.st_mode & 07777) != mode) (void)!fchmod(descriptor, mode);
    if (what == B2_ATTRIBUTES_ALL) take_extended(descriptor, like);
}
