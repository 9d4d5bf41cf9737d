/**
 * Locks of Windows: byte 0 of the lock file, as C-Blosc2 has it, and a byte far behind any file's end for
 * snapshots. They belong to the open file, and end with it. Windows lets nobody else read or write a locked
 * byte: these hold nothing that is read.
 */
#include <errno.h>
#include <string.h>

#include "base/memory.h"
#include "blosc2.h"
#include "io/windows.h"

static const uint64_t FIRST_NUMBER = (uint64_t)1 << 62; /* byte of number 0 */

/** Lock `count` bytes, or fail at once. @param flags  0: shared. */
static BOOL lock_bytes(HANDLE handle, uint64_t first, uint64_t count, DWORD flags)
{
    OVERLAPPED place = {.Offset = (DWORD)first, .OffsetHigh = (DWORD)(first >> 32)};
    return LockFileEx(handle, flags | LOCKFILE_FAIL_IMMEDIATELY, 0, (DWORD)count, (DWORD)(count >> 32),
                      &place);
}

static void unlock_bytes(HANDLE handle, uint64_t first, uint64_t count)
{
    OVERLAPPED place = {.Offset = (DWORD)first, .OffsetHigh = (DWORD)(first >> 32)};
    UnlockFileEx(handle, 0, (DWORD)count, (DWORD)(count >> 32), &place);
}

static bool is_taken(DWORD error)
{
    return error == ERROR_LOCK_VIOLATION || error == ERROR_IO_PENDING;
}

/* ------------------------------------------------------------------ lock file */

static int fail_to_lock(DWORD error, const char *path, const char *action)
{
    char message[256];
    b2_windows_message(error, message, sizeof message);
    return blosc2_fail_io(BLOSC2_E_IO, b2_windows_errno(error), path,
                          "%s: cannot %s: %s (locking=False does without)", path, action, message);
}

/** True if the open file still has its name: another process may have removed it before it was locked. */
static bool is_at(HANDLE handle, const char *path)
{
    b2_identity opened, named;
    return b2_windows_identify(handle, path, &opened) == BLOSC2_OK &&
           b2_io_system()->identity(NULL, path, &named) == BLOSC2_OK && named.device == opened.device &&
           named.number == opened.number;
}

/** @param handle  Passes to the file; closed on failure. */
static int make_file(const char *path, HANDLE handle, b2_file **out)
{
    size_t path_bytes = strlen(path) + 1;
    b2_windows_file *f = b2_malloc(sizeof *f + path_bytes);
    if (!f) {
        CloseHandle(handle);
        return blosc2_fail(BLOSC2_E_MEMORY, "%s: cannot allocate a file", path);
    }
    memcpy(f->path, path, path_bytes);
    f->handle = handle;
    f->writable = true;
    *out = (b2_file *)f;
    return BLOSC2_OK;
}

int b2_windows_lock(void *context, const char *path, b2_file **out)
{
    (void)context;
    HANDLE handle =
        b2_windows_open(path, GENERIC_READ | GENERIC_WRITE, OPEN_ALWAYS, FILE_FLAG_OPEN_REPARSE_POINT);
    if (handle == INVALID_HANDLE_VALUE) return fail_to_lock(GetLastError(), path, "open the lock file");
    int status = BLOSC2_OK;
    if (!lock_bytes(handle, 0, 1, LOCKFILE_EXCLUSIVE_LOCK)) {
        DWORD error = GetLastError();
        status = is_taken(error) ? BLOSC2_E_LOCKED : fail_to_lock(error, path, "lock");
    } else if (!is_at(handle, path)) {
        status = BLOSC2_E_LOCKED;
    }
    if (status == BLOSC2_OK) return make_file(path, handle, out);
    CloseHandle(handle);
    if (status == BLOSC2_E_LOCKED) blosc2_fail_io(status, EAGAIN, path, "%s: is locked", path);
    return status;
}

void b2_windows_unlock(void *context, b2_file *file)
{
    (void)context;
    b2_windows_file *f = (b2_windows_file *)file;
    if (!f) return;
    unlock_bytes(f->handle, 0, 1); /* Windows may take its time after a close */
    CloseHandle(f->handle);
    b2_free(f);
}

/* ------------------------------------------------------------------ snapshots */

int b2_windows_hold(void *context, const char *path, b2_identity *of, b2_file **out)
{
    (void)context;
    *out = NULL;
    HANDLE handle = b2_windows_open(path, GENERIC_READ, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL);
    if (handle == INVALID_HANDLE_VALUE) return BLOSC2_OK; /* a directory, too */
    if (lock_bytes(handle, FIRST_NUMBER, B2_NUMBERS, 0) && b2_windows_identify(handle, path, of) == BLOSC2_OK)
        return make_file(path, handle, out);
    CloseHandle(handle);
    return BLOSC2_OK;
}

void b2_windows_narrow(void *context, b2_file *own, b2_numbers numbers)
{
    (void)context;
    const b2_windows_file *f = (const b2_windows_file *)own;
    if (f && numbers.count && lock_bytes(f->handle, FIRST_NUMBER + numbers.first, numbers.count, 0))
        unlock_bytes(f->handle, FIRST_NUMBER, B2_NUMBERS);
}

/** Windows tells whether, not which. */
b2_held b2_windows_held(void *context, b2_file *own, b2_numbers numbers, b2_numbers *found)
{
    (void)context;
    const b2_windows_file *f = (const b2_windows_file *)own;
    if (!f) return B2_HELD_UNKNOWN;
    if (numbers.count == 0) return B2_HELD_NONE;
    if (lock_bytes(f->handle, FIRST_NUMBER + numbers.first, numbers.count, LOCKFILE_EXCLUSIVE_LOCK)) {
        unlock_bytes(f->handle, FIRST_NUMBER + numbers.first, numbers.count);
        return B2_HELD_NONE;
    }
    *found = numbers;
    return is_taken(GetLastError()) ? B2_HELD_SOME : B2_HELD_UNKNOWN;
}

/* ------------------------------------------------------------------ waiting, and who is waited for */

void b2_io_sleep(int milliseconds)
{
    Sleep((DWORD)milliseconds);
}

int64_t b2_io_milliseconds(void)
{
    return (int64_t)GetTickCount64();
}

void b2_io_host(char out[B2_HOST_BYTES])
{
    DWORD bytes = B2_HOST_BYTES;
    if (!GetComputerNameA(out, &bytes)) out[0] = '\0';
}

bool b2_io_process_lives(int64_t process)
{
    if (process <= 0 || process > UINT32_MAX) return true;
    HANDLE handle = OpenProcess(SYNCHRONIZE, FALSE, (DWORD)process);
    if (!handle) return GetLastError() != ERROR_INVALID_PARAMETER;
    bool lives = WaitForSingleObject(handle, 0) == WAIT_TIMEOUT;
    CloseHandle(handle);
    return lives;
}

int64_t b2_io_own_process(void)
{
    return (int64_t)GetCurrentProcessId();
}

void b2_io_process_space(char out[B2_HOST_BYTES])
{
    out[0] = '\0';
}

uint64_t b2_io_ticks(void)
{
    LARGE_INTEGER now;
    QueryPerformanceCounter(&now);
    return (uint64_t)now.QuadPart;
}
