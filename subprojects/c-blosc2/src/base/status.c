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

int blosc2_fail_within(int status, const char *format, ...)
{
    char inner[B2_MESSAGE_BYTES];
    memcpy(inner, last.message, sizeof inner);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(last.message, sizeof last.message / 2, format, arguments);
    va_end(arguments);
    size_t outer_bytes = strlen(last.message);
    snprintf(last.message + outer_bytes, sizeof last.message - outer_bytes, ": %s", inner);
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
