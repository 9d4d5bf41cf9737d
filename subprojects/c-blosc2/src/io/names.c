#include "io/names.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "base/failure.h"
#include "base/memory.h"
#include "blosc2.h"
#include "io/temporary.h"

struct b2_names {
    b2_io table; /* first: its functions get this struct as context */
    b2_io inner;
    atomic_int references;
    char *shown, *real;          /* owned */
    char *stem;                  /* owned: what takes the place of `real` in names that would be too long */
    size_t shown_bytes, base_at; /* the last part of `real` begins at base_at */
    bool differs;                /* the two */
};

/* ------------------------------------------------------------------ parts of paths */

/* Where the last part of a path begins. */
static size_t base_of(const char *path)
{
    size_t at = strlen(path);
    while (at > 0 && !b2_io_is_separator(path[at - 1])) at--;
    return at;
}

static size_t part_bytes(const char *path)
{
    size_t bytes = 0;
    while (path[bytes] && !b2_io_is_separator(path[bytes])) bytes++;
    return bytes;
}

/* True if `path` is the directory that the last part of `whole` is in, as b2_io_sync_parent() says it. */
static bool is_parent(const char *path, const char *whole)
{
    size_t at = base_of(whole);
    if (at == 0) return strcmp(path, ".") == 0;
    return strlen(path) == at && memcmp(path, whole, at) == 0;
}

/* What the user's path goes on with, or NULL: the path is not made of it. */
static const char *rest_of(const b2_names *names, const char *path)
{
    if (strncmp(path, names->shown, names->shown_bytes) != 0) return NULL;
    const char *rest = path + names->shown_bytes;
    return *rest == '\0' || *rest == '.' || b2_io_is_separator(*rest) ? rest : NULL;
}

/* True if the last part of the user's path, going on like that, would be too long a name. */
static bool is_too_long(const b2_names *names, const char *rest)
{
    size_t more = part_bytes(rest), base = strlen(names->real + names->base_at);
    return more > 0 && base <= B2_NAME_BYTES_MAX && base + more > B2_NAME_BYTES_MAX;
}

/* NULL: memory is short, and the failure set. @param owned  Set to what is to be freed, or NULL. */
static const char *translate(const b2_names *names, const char *path, char **owned)
{
    *owned = NULL;
    const char *rest = rest_of(names, path);
    if (rest && is_too_long(names, rest)) return *owned = b2_io_join(names->stem, "", rest);
    if (!names->differs) return path;
    if (rest) return *owned = b2_io_join(names->real, "", rest);
    if (!is_parent(path, names->shown) || names->base_at == 0) return path;
    *owned = b2_io_join(names->real, "", "");
    if (*owned) (*owned)[names->base_at] = '\0';
    return *owned;
}

/* ------------------------------------------------------------------ messages */

/* The user's name, and no temporary one, in the thread's last message. @return `status`. */
static int show(const b2_names *names, int status)
{
    if (status == BLOSC2_OK) return status;
    b2_failure_replace(names->stem, names->shown);
    if (names->differs) b2_failure_replace(names->real, names->shown);
    size_t bytes;
    for (const char *part; (part = b2_temporary_find(blosc2_last_error(), &bytes));) {
        char temporary[64];
        if (bytes >= sizeof temporary) break;
        memcpy(temporary, part, bytes);
        temporary[bytes] = '\0';
        b2_failure_replace(temporary, "");
    }
    return status;
}

/* ------------------------------------------------------------------ the table */

static int names_open(void *context, const char *path, b2_open_mode mode, b2_file **out)
{
    b2_names *n = context;
    char *owned;
    const char *real = translate(n, path, &owned);
    if (!real) return BLOSC2_E_MEMORY;
    int status = show(n, n->inner.open(n->inner.context, real, mode, out));
    b2_free(owned);
    return status;
}

static void names_close(void *context, b2_file *file)
{
    b2_names *n = context;
    n->inner.close(n->inner.context, file);
}

static int names_read(void *context, b2_file *file, void *out, size_t bytes, int64_t position)
{
    b2_names *n = context;
    return show(n, n->inner.read(n->inner.context, file, out, bytes, position));
}

static int names_write(void *context, b2_file *file, const void *bytes, size_t count, int64_t position)
{
    b2_names *n = context;
    return show(n, n->inner.write(n->inner.context, file, bytes, count, position));
}

static int names_size(void *context, b2_file *file, int64_t *bytes)
{
    b2_names *n = context;
    return show(n, n->inner.size(n->inner.context, file, bytes));
}

static int names_truncate(void *context, b2_file *file, int64_t bytes)
{
    b2_names *n = context;
    return show(n, n->inner.truncate(n->inner.context, file, bytes));
}

static int names_sync(void *context, b2_file *file)
{
    b2_names *n = context;
    return show(n, n->inner.sync(n->inner.context, file));
}

static const uint8_t *names_map(void *context, b2_file *file, size_t bytes, int64_t position)
{
    b2_names *n = context;
    return n->inner.map(n->inner.context, file, bytes, position);
}

static int rename_by(b2_names *n, int (*call)(void *, const char *, const char *), const char *from,
                     const char *to)
{
    char *owned_from, *owned_to = NULL;
    const char *real_from = translate(n, from, &owned_from);
    const char *real_to = real_from ? translate(n, to, &owned_to) : NULL;
    int status = real_to ? call(n->inner.context, real_from, real_to) : BLOSC2_E_MEMORY;
    b2_free(owned_from);
    b2_free(owned_to);
    int error = blosc2_last_os_error();
    if (status == BLOSC2_OK || !error || !b2_temporary_find(from, &(size_t){0})) return show(n, status);
    return blosc2_fail_io(status, error, to, "%s: what was written cannot be given this name: %s", to,
                          strerror(error));
}

static int names_rename_new(void *context, const char *from, const char *to)
{
    b2_names *n = context;
    return rename_by(n, n->inner.rename_new, from, to);
}

static int names_rename_over(void *context, const char *from, const char *to)
{
    b2_names *n = context;
    return rename_by(n, n->inner.rename_over, from, to);
}

/* Functions that take a path and nothing else. */
static int by_path(b2_names *n, int (*call)(void *, const char *), const char *path)
{
    char *owned;
    const char *real = translate(n, path, &owned);
    int status = real ? show(n, call(n->inner.context, real)) : BLOSC2_E_MEMORY;
    b2_free(owned);
    return status;
}

static int names_remove(void *context, const char *path)
{
    b2_names *n = context;
    return by_path(n, n->inner.remove, path);
}

static int names_make_directory(void *context, const char *path)
{
    b2_names *n = context;
    return by_path(n, n->inner.make_directory, path);
}

static int names_remove_directory(void *context, const char *path)
{
    b2_names *n = context;
    return by_path(n, n->inner.remove_directory, path);
}

static int names_sync_directory(void *context, const char *path)
{
    b2_names *n = context;
    return by_path(n, n->inner.sync_directory, path);
}

static int names_kind(void *context, const char *path, b2_path_kind *kind)
{
    b2_names *n = context;
    char *owned;
    const char *real = translate(n, path, &owned);
    int status = real ? show(n, n->inner.kind(n->inner.context, real, kind)) : BLOSC2_E_MEMORY;
    b2_free(owned);
    return status;
}

static int names_identity(void *context, const char *path, b2_identity *out)
{
    b2_names *n = context;
    char *owned;
    const char *real = translate(n, path, &owned);
    int status = real ? show(n, n->inner.identity(n->inner.context, real, out)) : BLOSC2_E_MEMORY;
    b2_free(owned);
    return status;
}

static int names_identify(void *context, b2_file *file, b2_identity *out)
{
    b2_names *n = context;
    return show(n, n->inner.identify(n->inner.context, file, out));
}

static int names_list(void *context, const char *path, b2_list_fn *visit, void *visit_context)
{
    b2_names *n = context;
    char *owned;
    const char *real = translate(n, path, &owned);
    int status =
        real ? show(n, n->inner.list(n->inner.context, real, visit, visit_context)) : BLOSC2_E_MEMORY;
    b2_free(owned);
    return status;
}

static void names_take_attributes(void *context, b2_file *file, const char *like, b2_attributes what)
{
    b2_names *n = context;
    char *owned;
    const char *real = translate(n, like, &owned);
    if (real) n->inner.take_attributes(n->inner.context, file, real, what);
    b2_free(owned);
}

static int names_lock(void *context, const char *path, b2_file **out)
{
    b2_names *n = context;
    char *owned;
    const char *real = translate(n, path, &owned);
    int status = real ? show(n, n->inner.lock(n->inner.context, real, out)) : BLOSC2_E_MEMORY;
    b2_free(owned);
    return status;
}

static int names_hold(void *context, const char *path, b2_identity *of, b2_file **out)
{
    b2_names *n = context;
    char *owned;
    const char *real = translate(n, path, &owned);
    int status = real ? n->inner.hold(n->inner.context, real, of, out) : BLOSC2_E_MEMORY;
    b2_free(owned);
    return status;
}

static void names_narrow(void *context, b2_file *own, b2_numbers numbers)
{
    b2_names *n = context;
    n->inner.narrow(n->inner.context, own, numbers);
}

static b2_held names_held(void *context, b2_file *own, b2_numbers numbers, b2_numbers *found)
{
    b2_names *n = context;
    return n->inner.held(n->inner.context, own, numbers, found);
}

static void names_unlock(void *context, b2_file *file)
{
    b2_names *n = context;
    n->inner.unlock(n->inner.context, file);
}

static void fill_table(b2_names *names)
{
    const b2_io *inner = &names->inner;
    names->table = (b2_io){
        .context = names,
        .open = names_open,
        .close = names_close,
        .read = names_read,
        .write = names_write,
        .size = names_size,
        .truncate = names_truncate,
        .sync = names_sync,
        .map = names_map,
        .rename_new = names_rename_new,
        .rename_over = names_rename_over,
        .remove = names_remove,
        .make_directory = names_make_directory,
        .remove_directory = names_remove_directory,
        .kind = names_kind,
        .identity = names_identity,
        .identify = inner->identify ? names_identify : NULL,
        .sync_directory = names_sync_directory,
        .list = inner->list ? names_list : NULL,
        .take_attributes = inner->take_attributes ? names_take_attributes : NULL,
        .lock = inner->lock ? names_lock : NULL,
        .hold = inner->hold ? names_hold : NULL,
        .narrow = inner->narrow ? names_narrow : NULL,
        .held = inner->held ? names_held : NULL,
        .unlock = inner->unlock ? names_unlock : NULL,
    };
}

/* ------------------------------------------------------------------ making, sweeping */

static void free_names(b2_names *names)
{
    b2_free(names->shown);
    b2_free(names->real);
    b2_free(names->stem);
    b2_free(names);
}

/* FNV-1a. */
B2_WRAPS static uint64_t hash_bytes(const char *bytes, size_t count)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < count; i++) hash = (hash ^ (uint8_t)bytes[i]) * 1099511628211u;
    return hash;
}

/* The directory of `real`, and a name made of a hash of its last part. */
static char *make_stem(const char *real, size_t base_at)
{
    const char *base = real + base_at;
    char *stem = b2_malloc(base_at + 32);
    if (!stem) return NULL;
    memcpy(stem, real, base_at);
    snprintf(stem + base_at, 32, "b2-%016" PRIx64, hash_bytes(base, strlen(base)));
    return stem;
}

int b2_names_create(const b2_io *inner, const char *path, b2_names **out)
{
    b2_names *names = b2_calloc(sizeof *names);
    if (!names) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate the names of a frame");
    names->inner = *inner;
    atomic_init(&names->references, 1);
    fill_table(names);
    names->shown = b2_io_join(path, "", "");
    names->shown_bytes = strlen(path);
    int status = names->shown ? BLOSC2_OK : BLOSC2_E_MEMORY;
    if (status == BLOSC2_OK && inner->resolve)
        status = inner->resolve(inner->context, path, &names->real);
    else if (status == BLOSC2_OK)
        names->real = b2_io_join(path, "", "");
    if (status == BLOSC2_OK && names->real) {
        names->base_at = base_of(names->real);
        names->differs = strcmp(names->real, path) != 0;
        names->stem = make_stem(names->real, names->base_at);
    }
    if (status == BLOSC2_OK && !names->stem)
        status = blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate the names of a frame");
    if (status < 0)
        free_names(names);
    else
        *out = names;
    return status;
}

b2_names *b2_names_hold(b2_names *names)
{
    atomic_fetch_add(&names->references, 1);
    return names;
}

void b2_names_release(b2_names *names)
{
    if (names && atomic_fetch_sub(&names->references, 1) == 1) free_names(names);
}

const b2_io *b2_names_io(b2_names *names)
{
    return &names->table;
}

char *b2_names_real(const b2_names *names, const char *path)
{
    char *owned;
    const char *real = translate(names, path, &owned);
    return owned || !real ? owned : b2_io_join(real, "", "");
}

/*
 * Looking at a directory costs what it has entries, and a constructor should not: it looks again when it has
 * made a 64th as many names there. One directory is remembered.
 */
static _Atomic uint64_t looked_at; /* a hash of its path */
static _Atomic int64_t not_before; /* names that are to be made first */

void b2_names_sweep(const b2_names *names, b2_sweep how)
{
    uint64_t directory_hash = hash_bytes(names->real, names->base_at);
    bool is_known = how == B2_SWEEP_SELDOM && atomic_load(&looked_at) == directory_hash;
    if (is_known && atomic_fetch_sub(&not_before, 1) > 0) return;
    b2_failure failure;
    b2_failure_save(&failure);
    char *directory = b2_io_join(names->base_at ? names->real : ".", "", "");
    char *longest = b2_io_temporary_name(names->real);
    if (directory && longest) {
        int64_t entries;
        bool hashed = is_too_long(names, longest + strlen(names->real));
        if (names->base_at) directory[names->base_at] = '\0';
        b2_temporary_sweep(&names->inner, directory, (hashed ? names->stem : names->real) + names->base_at,
                           &entries);
        atomic_store(&not_before, entries / 64);
        atomic_store(&looked_at, directory_hash);
    }
    b2_free(longest);
    b2_free(directory);
    b2_failure_restore(&failure);
}
