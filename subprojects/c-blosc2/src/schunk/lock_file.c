#include "schunk/lock_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/failure.h"
#include "blosc2.h"

/* Byte 0 is locked on Windows, and cannot be read there. */
enum { READ_AT = 1 };

static int refuse(const char *path, const char *reason)
{
    return blosc2_fail_io(
        BLOSC2_E_IO, EEXIST, path,
        "%s is not a lock file, though it has the name of one: %s. Nothing is written into it. "
        "Rename or remove it, or open the array with locking=False",
        path, reason);
}

/* Whether bytes are a holder's text as far as there are any, or nobody's. */
static bool is_holder(const char *text, size_t bytes)
{
    size_t start = strlen(B2_LOCK_HOLDER_START);
    if (memcmp(text, B2_LOCK_HOLDER_START, bytes < start ? bytes : start) == 0) return true;
    for (size_t i = 0; i < bytes; i++)
        if (text[i] != '\0') return false;
    return true;
}

/* @param bytes  B2_LOCK_BYTES_MAX of them, of which `size` are the file's, and the first is not known. */
static bool is_content(const char *bytes, int64_t size)
{
    for (int64_t i = READ_AT; i < b2_min_i64(size, B2_LOCK_COUNTER_AT); i++)
        if (bytes[i] != '\0') return false;
    return size <= B2_LOCK_HOLDER_AT ||
           is_holder(bytes + B2_LOCK_HOLDER_AT, (size_t)(size - B2_LOCK_HOLDER_AT));
}

int b2_lock_file_check(const b2_io *io, b2_file *file, const char *path, b2_lock_file *out)
{
    char bytes[B2_LOCK_BYTES_MAX] = "", reason[100];
    int status = io->identity(io->context, path, &out->identity);
    if (status < 0) return status;
    int64_t size = out->identity.bytes;
    if (out->identity.links > 1) {
        snprintf(reason, sizeof reason, "the file has %llu names (hard links)",
                 (unsigned long long)out->identity.links);
        return refuse(path, reason);
    }
    if (size > B2_LOCK_BYTES_MAX) {
        snprintf(reason, sizeof reason, "it has %lld bytes (a lock file has %d at most)", (long long)size,
                 B2_LOCK_BYTES_MAX);
        return refuse(path, reason);
    }
    if (size > READ_AT)
        status = io->read(io->context, file, bytes + READ_AT, (size_t)(size - READ_AT), READ_AT);
    if (status < 0) return status;
    out->has_holder = bytes[B2_LOCK_HOLDER_AT] != '\0';
    return is_content(bytes, size) ? BLOSC2_OK : refuse(path, "it holds something else");
}

void b2_lock_file_remove(const b2_io *io, const char *path)
{
    b2_failure failure;
    b2_file *file;
    b2_lock_file found;
    b2_failure_save(&failure);
    int status = io->open(io->context, path, B2_OPEN_READ_INSIDE, &file);
    if (status == BLOSC2_OK) {
        status = b2_lock_file_check(io, file, path, &found);
        io->close(io->context, file);
    }
    if (status == BLOSC2_OK) io->remove(io->context, path);
    b2_failure_restore(&failure);
}
