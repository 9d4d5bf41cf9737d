#include "io/recording.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blosc2.h"
#include "io/tree.h"

typedef struct recording {
    b2_io table;
    b2_tree tree;
    b2_record *records;
    int64_t count, room;
} recording;

/** What a b2_file of this table is. */
typedef struct recorded_file {
    int64_t node;
    bool writable;
    bool is_lock; /* what it says of its owner is of no use after a crash, and is not recorded */
} recorded_file;

/* ------------------------------------------------------------------ records */

static void record_free(b2_record *record)
{
    free(record->name);
    free(record->from_name);
    free(record->bytes);
}

static int copy_bytes(const void *bytes, size_t count, void *out)
{
    void *copy = malloc(count ? count : 1);
    if (!copy) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a record");
    if (count) memcpy(copy, bytes, count);
    memcpy(out, &copy, sizeof copy);
    return BLOSC2_OK;
}

static int copy_record(const b2_record *record, b2_record *out)
{
    b2_record copy = *record;
    copy.name = copy.from_name = NULL;
    copy.bytes = NULL;
    int status = BLOSC2_OK;
    if (record->name) status = copy_bytes(record->name, strlen(record->name) + 1, &copy.name);
    if (status == BLOSC2_OK && record->from_name)
        status = copy_bytes(record->from_name, strlen(record->from_name) + 1, &copy.from_name);
    if (status == BLOSC2_OK && record->bytes) status = copy_bytes(record->bytes, record->count, &copy.bytes);
    if (status < 0)
        record_free(&copy);
    else
        *out = copy;
    return status;
}

/* Let it take place. What a lost record would have made is missing to later ones: they find nothing to do. */
static int apply(b2_tree *tree, const b2_record *record)
{
    b2_fate fate = record->fate;
    bool lost = fate.start >= fate.stop;
    size_t stop = fate.stop < record->count ? fate.stop : record->count;
    switch (record->kind) {
    case B2_RECORD_CREATE: /* the node is there in any case, so that the numbers stay the same */
        while (tree->node_count <= record->node)
            if (b2_tree_add_node(tree, record->is_directory) < 0) return BLOSC2_E_MEMORY;
        return lost ? BLOSC2_OK : b2_tree_link(tree, record->parent, record->name, record->node);
    case B2_RECORD_WRITE:
        if (fate.start >= stop) return BLOSC2_OK;
        return b2_tree_write(tree, record->node, record->bytes + fate.start, stop - fate.start,
                             record->position + fate.start);
    case B2_RECORD_TRUNCATE:
        return lost ? BLOSC2_OK : b2_tree_truncate(tree, record->node, record->count);
    case B2_RECORD_RENAME:
        if (lost) return BLOSC2_OK;
        if (b2_tree_child(tree, record->from_parent, record->from_name) == record->node)
            b2_tree_unlink(tree, record->from_parent, record->from_name);
        return b2_tree_link(tree, record->parent, record->name, record->node);
    case B2_RECORD_REMOVE:
        if (!lost && b2_tree_child(tree, record->parent, record->name) == record->node)
            b2_tree_unlink(tree, record->parent, record->name);
        return BLOSC2_OK;
    case B2_RECORD_SYNC:
    case B2_RECORD_SYNC_DIRECTORY:
        break;
    }
    return BLOSC2_OK;
}

/* Record as much of it as its fate is, and let that take place. The record is copied. */
static int replay(recording *r, const b2_record *record, b2_fate fate)
{
    if (r->count == r->room) {
        int64_t room = r->room * 2 + 32;
        b2_record *grown = realloc(r->records, (size_t)room * sizeof *grown);
        if (!grown) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate records");
        r->records = grown;
        r->room = room;
    }
    b2_record *last = &r->records[r->count];
    int status = copy_record(record, last);
    if (status < 0) return status;
    last->fate = fate;
    status = apply(&r->tree, last);
    if (status < 0)
        record_free(last);
    else
        r->count++;
    return status;
}

static int change(recording *r, const b2_record *record)
{
    return replay(r, record, B2_FATE_WHOLE);
}

/* ------------------------------------------------------------------ files */

static int missing(const char *path)
{
    return blosc2_fail_io(BLOSC2_E_NOT_FOUND, ENOENT, path, "%s: %s", path, strerror(ENOENT));
}

static int taken(const char *path)
{
    return blosc2_fail_io(BLOSC2_E_EXISTS, EEXIST, path, "%s: %s", path, strerror(EEXIST));
}

static int refused(int error, const char *path)
{
    return blosc2_fail_io(BLOSC2_E_IO, error, path, "%s: %s", path, strerror(error));
}

/* Make a file or directory. @param node Set to its number. */
static int create(recording *r, const char *path, bool is_directory, int64_t *node)
{
    int64_t parent;
    const char *name;
    if (b2_tree_locate(&r->tree, path, &parent, &name) < 0) return missing(path);
    if (!*name || b2_tree_child(&r->tree, parent, name) >= 0) return taken(path);
    *node = r->tree.node_count;
    const b2_record record = {.kind = B2_RECORD_CREATE,
                              .node = *node,
                              .parent = parent,
                              .name = (char *)name,
                              .is_directory = is_directory};
    return change(r, &record);
}

static int recording_open(void *context, const char *path, b2_open_mode mode, b2_file **out)
{
    recording *r = context;
    int64_t node = b2_tree_find(&r->tree, path);
    if (mode == B2_OPEN_NEW) {
        int status = create(r, path, false, &node);
        if (status < 0) return status;
    }
    if (node < 0) return missing(path);
    if (r->tree.nodes[node].is_directory) return refused(EISDIR, path);
    recorded_file *file = calloc(1, sizeof *file);
    if (!file) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a file");
    file->node = node;
    file->writable = mode == B2_OPEN_NEW || mode == B2_OPEN_UPDATE;
    *out = (b2_file *)file;
    return BLOSC2_OK;
}

static void recording_close(void *context, b2_file *file)
{
    (void)context;
    free(file);
}

static b2_node *node_of(recording *r, b2_file *file)
{
    return &r->tree.nodes[((recorded_file *)file)->node];
}

static int recording_read(void *context, b2_file *file, void *out, size_t bytes, int64_t position)
{
    const b2_node *node = node_of(context, file);
    if (bytes == 0) return BLOSC2_OK;
    if (position < 0 || (uint64_t)position > node->size || bytes > node->size - (size_t)position)
        return blosc2_fail(BLOSC2_E_CORRUPT, "truncated: %zu bytes wanted at offset %" PRId64 ", it has %zu",
                           bytes, position, node->size);
    memcpy(out, node->bytes + position, bytes);
    return BLOSC2_OK;
}

static int recording_write(void *context, b2_file *file, const void *bytes, size_t count, int64_t position)
{
    const recorded_file *f = (recorded_file *)file;
    recording *r = context;
    if (!f->writable) return refused(EBADF, "a file opened for reading");
    if (f->is_lock) return b2_tree_write(&r->tree, f->node, bytes, count, (size_t)position);
    const b2_record record = {.kind = B2_RECORD_WRITE,
                              .node = f->node,
                              .bytes = (uint8_t *)bytes,
                              .count = count,
                              .position = (size_t)position};
    return count ? change(r, &record) : BLOSC2_OK;
}

static int recording_size(void *context, b2_file *file, int64_t *bytes)
{
    *bytes = (int64_t)node_of(context, file)->size;
    return BLOSC2_OK;
}

static int recording_truncate(void *context, b2_file *file, int64_t bytes)
{
    const recorded_file *f = (recorded_file *)file;
    recording *r = context;
    if (!f->writable) return refused(EBADF, "a file opened for reading");
    if (f->is_lock) return b2_tree_truncate(&r->tree, f->node, (size_t)bytes);
    const b2_record record = {.kind = B2_RECORD_TRUNCATE, .node = f->node, .count = (size_t)bytes};
    return change(r, &record);
}

static int recording_sync(void *context, b2_file *file)
{
    const b2_record record = {.kind = B2_RECORD_SYNC, .node = ((recorded_file *)file)->node};
    return change(context, &record);
}

static const uint8_t *recording_map(void *context, b2_file *file, size_t bytes, int64_t position)
{
    (void)context;
    (void)file;
    (void)bytes;
    (void)position;
    return NULL; /* as files of the system, that tests see the same calls */
}

/* ------------------------------------------------------------------ names */

static int rename_to(recording *r, const char *from, const char *to)
{
    b2_record record = {.kind = B2_RECORD_RENAME};
    const char *name, *from_name;
    if (b2_tree_locate(&r->tree, from, &record.from_parent, &from_name) < 0) return missing(from);
    if (b2_tree_locate(&r->tree, to, &record.parent, &name) < 0) return missing(to);
    record.node = b2_tree_child(&r->tree, record.from_parent, from_name);
    if (record.node < 0) return missing(from);
    record.name = (char *)name;
    record.from_name = (char *)from_name;
    return change(r, &record);
}

static int recording_rename_new(void *context, const char *from, const char *to)
{
    recording *r = context;
    if (b2_tree_find(&r->tree, to) >= 0) return taken(to);
    return rename_to(r, from, to);
}

static int recording_rename_over(void *context, const char *from, const char *to)
{
    return rename_to(context, from, to);
}

static int remove_path(recording *r, const char *path, bool is_directory)
{
    b2_record record = {.kind = B2_RECORD_REMOVE};
    const char *name;
    if (b2_tree_locate(&r->tree, path, &record.parent, &name) < 0) return missing(path);
    record.node = b2_tree_child(&r->tree, record.parent, name);
    if (record.node < 0) return missing(path);
    if (r->tree.nodes[record.node].is_directory != is_directory)
        return refused(is_directory ? ENOTDIR : EISDIR, path);
    if (is_directory && !b2_tree_is_empty(&r->tree, record.node)) return refused(ENOTEMPTY, path);
    record.name = (char *)name;
    return change(r, &record);
}

static int recording_remove(void *context, const char *path)
{
    return remove_path(context, path, false);
}

static int recording_remove_directory(void *context, const char *path)
{
    return remove_path(context, path, true);
}

static int recording_make_directory(void *context, const char *path)
{
    int64_t node;
    return create(context, path, true, &node);
}

static int recording_kind(void *context, const char *path, b2_path_kind *kind)
{
    const recording *r = context;
    int64_t node = b2_tree_find(&r->tree, path);
    *kind = node < 0 ? B2_PATH_NONE : r->tree.nodes[node].is_directory ? B2_PATH_DIRECTORY : B2_PATH_FILE;
    return BLOSC2_OK;
}

static b2_identity identity_of(const recording *r, int64_t number)
{
    const b2_node *node = &r->tree.nodes[number];
    return (b2_identity){
        .device = 1, .number = (uint64_t)number + 1, .bytes = (int64_t)node->size, .seconds = node->changes};
}

static int recording_identity(void *context, const char *path, b2_identity *out)
{
    const recording *r = context;
    int64_t number = b2_tree_find(&r->tree, path);
    if (number < 0) return missing(path);
    *out = identity_of(r, number);
    return BLOSC2_OK;
}

static int recording_identify(void *context, b2_file *file, b2_identity *out)
{
    *out = identity_of(context, ((recorded_file *)file)->node);
    return BLOSC2_OK;
}

static int recording_sync_directory(void *context, const char *path)
{
    recording *r = context;
    int64_t node = b2_tree_find(&r->tree, path);
    if (node < 0) return missing(path);
    const b2_record record = {.kind = B2_RECORD_SYNC_DIRECTORY, .node = node};
    return change(r, &record);
}

static int recording_list(void *context, const char *path, b2_list_fn *visit, void *visit_context)
{
    recording *r = context;
    int64_t node = b2_tree_find(&r->tree, path);
    if (node < 0) return missing(path);
    if (!r->tree.nodes[node].is_directory) return refused(ENOTDIR, path);
    for (int64_t i = r->tree.entry_count - 1; i >= 0;
         i--) { /* from the end: a visitor may remove the entry */
        if (i >= r->tree.entry_count || r->tree.entries[i].parent != node) continue;
        char name[256];
        snprintf(name, sizeof name, "%s", r->tree.entries[i].name);
        visit(visit_context, name);
    }
    return BLOSC2_OK;
}

/* ------------------------------------------------------------------ locks */

static int recording_lock(void *context, const char *path, b2_file **out)
{
    recording *r = context;
    int64_t node = b2_tree_find(&r->tree, path);
    if (node < 0) {
        int status = create(r, path, false, &node);
        if (status < 0) return status;
    }
    if (r->tree.nodes[node].is_locked) return blosc2_fail(BLOSC2_E_LOCKED, "%s: locked", path);
    b2_file *file;
    int status = recording_open(context, path, B2_OPEN_UPDATE, &file);
    if (status < 0) return status;
    r->tree.nodes[node].is_locked = true;
    ((recorded_file *)file)->is_lock = true;
    *out = file;
    return BLOSC2_OK;
}

static int recording_hold(void *context, const char *path, b2_identity *of, b2_file **out)
{
    recording *r = context;
    int64_t node = b2_tree_find(&r->tree, path);
    if (node < 0) return BLOSC2_OK;
    recorded_file *file = calloc(1, sizeof *file);
    if (!file) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a file");
    file->node = node;
    *of = identity_of(r, node);
    *out = (b2_file *)file;
    return BLOSC2_OK;
}

static void recording_narrow(void *context, b2_file *own, b2_numbers numbers)
{
    (void)context;
    (void)own;
    (void)numbers;
}

static b2_held recording_held(void *context, b2_file *own, b2_numbers numbers, b2_numbers *found)
{
    (void)context;
    (void)own;
    (void)numbers;
    (void)found;
    return B2_HELD_NONE; /* so that space is reused, which is where a crash could do harm */
}

static void recording_unlock(void *context, b2_file *file)
{
    const recorded_file *f = (recorded_file *)file;
    recording *r = context;
    if (f && f->is_lock) r->tree.nodes[f->node].is_locked = false;
    free(file);
}

/* ------------------------------------------------------------------ owner */

int b2_io_recording_create(b2_io **out)
{
    recording *r = calloc(1, sizeof *r);
    if (!r || b2_tree_add_node(&r->tree, true) < 0) {
        free(r);
        return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a recording table");
    }
    r->table = (b2_io){
        .context = r,
        .open = recording_open,
        .close = recording_close,
        .read = recording_read,
        .write = recording_write,
        .size = recording_size,
        .truncate = recording_truncate,
        .sync = recording_sync,
        .map = recording_map,
        .rename_new = recording_rename_new,
        .rename_over = recording_rename_over,
        .remove = recording_remove,
        .make_directory = recording_make_directory,
        .remove_directory = recording_remove_directory,
        .kind = recording_kind,
        .identity = recording_identity,
        .identify = recording_identify,
        .sync_directory = recording_sync_directory,
        .list = recording_list,
        .lock = recording_lock,
        .hold = recording_hold,
        .narrow = recording_narrow,
        .held = recording_held,
        .unlock = recording_unlock,
    };
    *out = &r->table;
    return BLOSC2_OK;
}

void b2_io_recording_free(b2_io *io)
{
    if (!io) return;
    recording *r = io->context;
    for (int64_t i = 0; i < r->count; i++) record_free(&r->records[i]);
    free(r->records);
    b2_tree_free(&r->tree);
    free(r);
}

int64_t b2_io_recording_count(const b2_io *io)
{
    return ((const recording *)io->context)->count;
}

const b2_record *b2_io_recording_get(const b2_io *io, int64_t record)
{
    return &((const recording *)io->context)->records[record];
}

bool b2_io_recording_is_durable(const b2_io *io, int64_t record, int64_t stop)
{
    const b2_record *done = b2_io_recording_get(io, record);
    bool is_content = done->kind == B2_RECORD_WRITE || done->kind == B2_RECORD_TRUNCATE;
    if (done->kind == B2_RECORD_SYNC || done->kind == B2_RECORD_SYNC_DIRECTORY) return true;
    for (int64_t i = record + 1; i < stop; i++) {
        const b2_record *later = b2_io_recording_get(io, i);
        if (is_content && later->kind == B2_RECORD_SYNC && later->node == done->node) return true;
        if (!is_content && later->kind == B2_RECORD_SYNC_DIRECTORY && later->node == done->parent)
            return true;
    }
    return false;
}

int b2_io_recording_replay(const b2_io *io, int64_t stop, const b2_fate *fates, b2_io **out)
{
    b2_io *replayed;
    int status = b2_io_recording_create(&replayed);
    if (status < 0) return status;
    recording *r = replayed->context;
    for (int64_t i = 0; i < stop && status == BLOSC2_OK; i++) {
        const b2_record *record = b2_io_recording_get(io, i);
        status = replay(r, record, fates ? fates[i] : record->fate);
    }
    if (status < 0)
        b2_io_recording_free(replayed);
    else
        *out = replayed;
    return status;
}

static void visit_directory(const b2_tree *tree, int64_t directory, const char *path, b2_visit_fn *visit,
                            void *context)
{
    char inner[512];
    for (int64_t i = 0; i < tree->entry_count; i++) {
        const b2_entry *entry = &tree->entries[i];
        const b2_node *node = &tree->nodes[entry->node];
        if (entry->parent != directory) continue;
        if (snprintf(inner, sizeof inner, "%s%s%s", path, *path ? "/" : "", entry->name) >= (int)sizeof inner)
            continue; /* no test has such names */
        visit(context, inner,
              node->is_directory ? NULL
              : node->bytes      ? node->bytes
                                 : (uint8_t *)"",
              node->size);
        if (node->is_directory) visit_directory(tree, entry->node, inner, visit, context);
    }
}

void b2_io_recording_each(const b2_io *io, b2_visit_fn *visit, void *context)
{
    visit_directory(&((const recording *)io->context)->tree, 0, "", visit, context);
}
