/** Directories for the files of a test, on POSIX and Windows. */
#ifndef B2_TESTS_SCRATCH_H
#define B2_TESTS_SCRATCH_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#include <windows.h>
#include <winioctl.h>
#else
#include <dirent.h>
#include <unistd.h>
#endif

enum { SCRATCH_PATH_BYTES = 1024 };

typedef void scratch_visit(const char *path, void *context);

static inline void scratch_visit_entry(const char *directory, const char *name, scratch_visit *visit,
                                       void *context)
{
    char path[SCRATCH_PATH_BYTES];
    if (!strcmp(name, ".") || !strcmp(name, "..")) return;
    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path) abort();
    visit(path, context);
}

#ifdef _WIN32

/** A new directory, empty. The result stands until the next call. */
static inline const char *scratch_directory(void)
{
    static char path[SCRATCH_PATH_BYTES];
    static int made;
    char parent[MAX_PATH + 1];
    if (GetTempPathA(sizeof parent, parent) == 0) abort();
    snprintf(path, sizeof path, "%scaterva-test-%lu-%d", parent, GetCurrentProcessId(), made++);
    if (!CreateDirectoryA(path, NULL)) abort();
    return path;
}

/** Visit all entries. @return false if there is no such directory. */
static inline bool scratch_each(const char *directory, scratch_visit *visit, void *context)
{
    char pattern[SCRATCH_PATH_BYTES];
    WIN32_FIND_DATAA entry;
    snprintf(pattern, sizeof pattern, "%s/*", directory);
    HANDLE search = FindFirstFileA(pattern, &entry);
    if (search == INVALID_HANDLE_VALUE) return false;
    do scratch_visit_entry(directory, entry.cFileName, visit, context);
    while (FindNextFileA(search, &entry));
    FindClose(search);
    return true;
}

static inline void scratch_remove_one(const char *path)
{
    if (!DeleteFileA(path)) RemoveDirectoryA(path);
}

static inline bool scratch_is_there(const char *path)
{
    return GetFileAttributesA(path) != INVALID_FILE_ATTRIBUTES;
}

/** Let the gaps of a file take no room, as they do of themselves elsewhere. */
static inline void scratch_make_sparse(const char *path)
{
    DWORD unused;
    HANDLE file = CreateFileA(path, GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    DeviceIoControl(file, FSCTL_SET_SPARSE, NULL, 0, NULL, 0, &unused, NULL);
    CloseHandle(file);
}

#else

static inline const char *scratch_directory(void)
{
    static char path[64];
    snprintf(path, sizeof path, "/tmp/caterva-test-XXXXXX");
    if (!mkdtemp(path)) abort();
    return path;
}

static inline bool scratch_each(const char *directory, scratch_visit *visit, void *context)
{
    DIR *stream = opendir(directory);
    if (!stream) return false;
    for (struct dirent *entry; (entry = readdir(stream));)
        scratch_visit_entry(directory, entry->d_name, visit, context);
    closedir(stream);
    return true;
}

static inline void scratch_remove_one(const char *path)
{
    remove(path);
}

static inline bool scratch_is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

static inline void scratch_make_sparse(const char *path)
{
    (void)path;
}

#endif

static inline void scratch_count(const char *path, void *count)
{
    (void)path;
    ++*(int *)count;
}

/** Number of entries, temporary files being among them. */
static inline int scratch_entries(const char *directory)
{
    int count = 0;
    return scratch_each(directory, scratch_count, &count) ? count : -1;
}

static inline void scratch_remove_visited(const char *path, void *context)
{
    scratch_each(path, scratch_remove_visited, context);
    scratch_remove_one(path);
}

/** Remove a file, or a directory with all in it. */
static inline void scratch_remove(const char *path)
{
    scratch_remove_visited(path, NULL);
}

/** Path of an entry. It stays until there have been three more. */
static inline const char *scratch_path(const char *directory, const char *name)
{
    static char paths[4][SCRATCH_PATH_BYTES];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

#endif
