/** The last failure of each thread: a message, and for I/O the errno and path that Python's OSError wants. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/failure.h"
#include "base/thread_local.h"
#include "blosc2.h"

static B2_THREAD_LOCAL b2_failure last;

int blosc2_fail(int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(last.message, sizeof last.message, format, arguments);
    va_end(arguments);
    last.os_error = 0;
    last.path[0] = '\0';
    return status;
}

int blosc2_fail_io(int status, int os_error, const char *path, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(last.message, sizeof last.message, format, arguments);
    va_end(arguments);
    last.os_error = os_error;
    snprintf(last.path, sizeof last.path, "%s", path ? path : "");
    return status;
}

/* What of an inner message the outer one has said before: its first part, up to a colon, mostly a path. */
static size_t said_before(const char *inner, const char *outer)
{
    const char *colon = strstr(outer, ": ");
    size_t bytes = colon ? (size_t)(colon - outer) : strlen(outer);
    return bytes > 0 && strncmp(inner, outer, bytes) == 0 && strncmp(inner + bytes, ": ", 2) == 0 ? bytes + 2
                                                                                                  : 0;
}

int blosc2_fail_within(int status, const char *format, ...)
{
    char inner[B2_MESSAGE_BYTES];
    memcpy(inner, last.message, sizeof inner);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(last.message, sizeof last.message / 2, format, arguments);
    va_end(arguments);
    size_t outer_bytes = strlen(last.message);
    snprintf(last.message + outer_bytes, sizeof last.message - outer_bytes, ": %s",
             inner + said_before(inner, last.message));
    return status;
}

const char *blosc2_last_error(void)
{
    return last.message;
}

int blosc2_last_os_error(void)
{
    return last.os_error;
}

const char *blosc2_last_path(void)
{
    return last.path;
}

/* What there is of it: an open that goes well saves some, and the room for a path is a page. */
static void copy_failure(b2_failure *to, const b2_failure *from)
{
    to->os_error = from->os_error;
    memcpy(to->message, from->message, strlen(from->message) + 1);
    memcpy(to->path, from->path, strlen(from->path) + 1);
}

void b2_failure_save(b2_failure *out)
{
    copy_failure(out, &last);
}

void b2_failure_restore(const b2_failure *failure)
{
    copy_failure(&last, failure);
}

static void replace(char *text, size_t room, const char *from, const char *to)
{
    size_t from_bytes = strlen(from), to_bytes = strlen(to);
    for (char *at = text; from_bytes > 0 && (at = strstr(at, from)); at += to_bytes) {
        size_t start = (size_t)(at - text), rest = strlen(at + from_bytes);
        if (start + to_bytes >= room) return;
        if (rest > room - 1 - start - to_bytes) rest = room - 1 - start - to_bytes;
        memmove(at + to_bytes, at + from_bytes, rest);
        memcpy(at, to, to_bytes);
        at[to_bytes + rest] = '\0';
    }
}

void b2_failure_replace(const char *from, const char *to)
{
    replace(last.message, sizeof last.message, from, to);
    replace(last.path, sizeof last.path, from, to);
}
