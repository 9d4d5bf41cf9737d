/** Making, releasing and describing super-chunks. */
#include "schunk/schunk.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/failure.h"
#include "chunk/header.h"
#include "chunk/postscript.h"

static const b2_io *io_of_tests;

void b2_schunk_use_io(const b2_io *io)
{
    io_of_tests = io;
}

int b2_schunk_new(blosc2_home home, const char *path, blosc2_schunk **out)
{
    blosc2_schunk *schunk = b2_calloc(sizeof *schunk);
    if (!schunk) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a super-chunk");
    size_t bytes = strlen(path ? path : "") + 1;
    schunk->home = home;
    schunk->mode = BLOSC2_UPDATE;
    schunk->io = io_of_tests ? io_of_tests : b2_io_system();
    schunk->path = b2_malloc(bytes);
    int status = schunk->path ? blosc2_workspace_create(&schunk->workspace)
                              : blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a path");
    if (status < 0) {
        blosc2_schunk_free(schunk);
        return status;
    }
    memcpy(schunk->path, path ? path : "", bytes);
    *out = schunk;
    return BLOSC2_OK;
}

int b2_schunk_resolve(blosc2_schunk *schunk, const b2_io *io)
{
    int status = b2_names_create(io, schunk->path, &schunk->names);
    if (status == BLOSC2_OK) schunk->io = b2_names_io(schunk->names);
    return status;
}

void blosc2_schunk_free(blosc2_schunk *schunk)
{
    if (!schunk) return;
    b2_failure failure;
    b2_failure_save(&failure); /* the reason matters, not how the cleaning went */
    if (schunk->changing) blosc2_schunk_rollback(schunk);
    if (schunk->store) {
        if (schunk->home == BLOSC2_HOME_MEMORY)
            for (int64_t i = 0; i < schunk->index.count && schunk->index.entries; i++)
                if (schunk->index.entries[i] >= 0)
                    schunk->store->ops->drop(schunk->store, schunk->index.entries[i], 0);
        schunk->store->ops->free(schunk->store);
    }
    b2_locks_free(schunk);
    if (schunk->own_io) schunk->free_own_io(schunk->own_io);
    b2_index_free(&schunk->index);
    b2_layers_free(&schunk->fixed);
    b2_layers_free(&schunk->variable);
    b2_free(schunk->dead.items);
    b2_buffer_free(&schunk->postscript);
    blosc2_workspace_free(schunk->workspace);
    while (schunk->reloaded_cparams) {
        b2_shown_cparams *kept = schunk->reloaded_cparams;
        schunk->reloaded_cparams = kept->before;
        b2_free(kept);
    }
    b2_names_release(schunk->names);
    b2_free(schunk->path);
    b2_free(schunk);
    b2_failure_restore(&failure);
}

void blosc2_schunk_set_max_bytes(blosc2_schunk *schunk, int64_t max_bytes)
{
    schunk->max_bytes = max_bytes;
}

void blosc2_schunk_name_chunks(blosc2_schunk *schunk, blosc2_name_fn *name, const void *context)
{
    schunk->name_chunk = name;
    schunk->namer = context;
}

int blosc2_schunk_check_bytes(const blosc2_schunk *schunk, const char *what, int64_t bytes)
{
    if (schunk->max_bytes <= 0 || bytes <= schunk->max_bytes) return BLOSC2_OK;
    return blosc2_fail(BLOSC2_E_LIMIT, "%s: %lld bytes (max_bytes allows %lld)", what, (long long)bytes,
                       (long long)schunk->max_bytes);
}

static int check_options(const blosc2_schunk_options *options)
{
    int status = blosc2_cparams_check(&options->cparams);
    if (status < 0) return status;
    bool on_disk = options->home == BLOSC2_HOME_FILE || options->home == BLOSC2_HOME_DIRECTORY;
    if (on_disk && (!options->path || !options->path[0]))
        return blosc2_fail(BLOSC2_E_ARGUMENT, "path: empty");
    int64_t nbytes;
    if (options->chunk_count < 0 || options->chunk_count > B2_FRAME_CHUNK_COUNT_MAX ||
        options->chunk_bytes < 0 || !b2_mul_i64(options->chunk_count, options->chunk_bytes, &nbytes))
        return blosc2_fail(BLOSC2_E_ARGUMENT, "chunks: %lld of %d bytes (expected at most %d chunks)",
                           (long long)options->chunk_count, options->chunk_bytes, B2_FRAME_CHUNK_COUNT_MAX);
    if (options->chunk_count > 0 &&
        (options->chunk_bytes < 1 || options->chunk_bytes > BLOSC2_MAX_CHUNK_BYTES ||
         options->block_bytes < 1 || options->block_bytes > BLOSC2_MAX_BLOCK_BYTES))
        return blosc2_fail(BLOSC2_E_ARGUMENT, "chunk of %d bytes in blocks of %d (expected 1..%d and 1..%d)",
                           options->chunk_bytes, options->block_bytes, BLOSC2_MAX_CHUNK_BYTES,
                           BLOSC2_MAX_BLOCK_BYTES);
    if (options->metalayer_count < 0 || options->metalayer_count > BLOSC2_MAX_METALAYERS)
        return blosc2_fail(BLOSC2_E_ARGUMENT, "metalayers: %d (expected at most %d)",
                           options->metalayer_count, BLOSC2_MAX_METALAYERS);
    if (options->fill == BLOSC2_SPECIAL_NONE || options->fill == BLOSC2_SPECIAL_VALUE)
        return blosc2_fail(BLOSC2_E_ARGUMENT, "fill: kind %d (expected zeros, NaN or uninitialised)",
                           options->fill);
    return BLOSC2_OK;
}

static int copy_metalayers(const blosc2_schunk_options *options, b2_layers *out)
{
    for (int i = 0; i < options->metalayer_count; i++) {
        const blosc2_metalayer *layer = &options->metalayers[i];
        if (b2_layers_find(out, layer->name) >= 0)
            return blosc2_fail(BLOSC2_E_ARGUMENT, "metalayer: name \"%s\" twice", layer->name);
        int status = b2_layers_set(out, layer->name, layer->content, layer->content_bytes);
        if (status < 0) return status;
    }
    return BLOSC2_OK;
}

static int create_store(blosc2_schunk *schunk)
{
    int64_t header_bytes = b2_frame_header_size(&schunk->fixed);
    if (header_bytes > INT32_MAX)
        return blosc2_fail(BLOSC2_E_ARGUMENT, "metalayers: a header of %lld bytes (expected at most %d)",
                           (long long)header_bytes, INT32_MAX);
    b2_new_frame frame = {.header_bytes = (int32_t)header_bytes, .safety = schunk->safety};
    switch (schunk->home) {
    case BLOSC2_HOME_MEMORY:
        return b2_store_memory_create(&schunk->store);
    case BLOSC2_HOME_MEMFRAME: {
        int status = b2_io_memory_create(&schunk->own_io);
        if (status < 0) return status;
        schunk->free_own_io = b2_io_memory_free;
        schunk->io = schunk->own_io;
        return b2_store_frame_create(schunk->io, &frame, &schunk->store);
    }
    case BLOSC2_HOME_FILE:
    case BLOSC2_HOME_DIRECTORY: {
        b2_path_kind kind;
        int status = b2_schunk_resolve(schunk, schunk->io);
        if (status == BLOSC2_OK) status = schunk->io->kind(schunk->io->context, schunk->path, &kind);
        if (status < 0) return status;
        if (kind != B2_PATH_NONE)
            return blosc2_fail_io(BLOSC2_E_EXISTS, EEXIST, schunk->path, "%s exists already", schunk->path);
        b2_names_sweep(schunk->names, B2_SWEEP_SELDOM);
        if (schunk->home == BLOSC2_HOME_DIRECTORY)
            return b2_store_sparse_create(schunk->io, schunk->path, schunk->safety.durability,
                                          &schunk->store);
        frame.path = schunk->path;
        return b2_store_frame_create(schunk->io, &frame, &schunk->store);
    }
    }
    return blosc2_fail(BLOSC2_E_ARGUMENT, "home: %d (expected 0..3)", schunk->home);
}

int blosc2_schunk_create(const blosc2_schunk_options *options, blosc2_schunk **out)
{
    int status = check_options(options);
    if (status < 0) return status;
    blosc2_schunk *schunk;
    status = b2_schunk_new(options->home, options->path, &schunk);
    if (status < 0) return status;
    schunk->cparams = schunk->opened_cparams = options->cparams;
    schunk->safety = options->safety;
    bool on_disk = options->home == BLOSC2_HOME_FILE || options->home == BLOSC2_HOME_DIRECTORY;
    if (on_disk && options->safety.checksums == BLOSC2_CHECKSUMS_ON) schunk->seal = BLOSC2_SEAL_WHOLE;
    schunk->verifies = schunk->seal == BLOSC2_SEAL_WHOLE;
    schunk->chunk_bytes = options->chunk_bytes;
    schunk->block_bytes = options->block_bytes;
    schunk->nbytes = options->chunk_count * options->chunk_bytes;
    schunk->index =
        (b2_index){.count = options->chunk_count, .uniform = b2_index_special((int)options->fill)};
    status = copy_metalayers(options, &schunk->fixed);
    if (status == BLOSC2_OK) status = create_store(schunk);
    if (status == BLOSC2_OK) status = blosc2_schunk_begin(schunk);
    if (status < 0) {
        blosc2_schunk_free(schunk);
        return status;
    }
    *out = schunk;
    return BLOSC2_OK;
}

b2_state b2_schunk_state(const blosc2_schunk *schunk)
{
    return (b2_state){.cparams = &schunk->cparams,
                      .chunk_bytes = schunk->chunk_bytes,
                      .block_bytes = schunk->block_bytes,
                      .nbytes = schunk->nbytes,
                      .files_bytes = schunk->files_bytes,
                      .index = &schunk->index,
                      .fixed = &schunk->fixed,
                      .variable = &schunk->variable,
                      .seal = schunk->seal};
}

blosc2_home blosc2_schunk_home(const blosc2_schunk *schunk)
{
    return schunk->home;
}

bool blosc2_schunk_in_memory(const blosc2_schunk *schunk)
{
    return schunk->home == BLOSC2_HOME_MEMORY || schunk->home == BLOSC2_HOME_MEMFRAME || schunk->is_mapped;
}

bool blosc2_schunk_read_only(const blosc2_schunk *schunk)
{
    return schunk->mode == BLOSC2_READ;
}

const char *blosc2_schunk_path(const blosc2_schunk *schunk)
{
    return schunk->path;
}

const blosc2_cparams *blosc2_schunk_cparams(const blosc2_schunk *schunk)
{
    const blosc2_cparams *shown = schunk->shown;
    return shown ? shown : &schunk->opened_cparams;
}

blosc2_seal blosc2_schunk_seal(const blosc2_schunk *schunk)
{
    return schunk->seal;
}

bool blosc2_schunk_verifies(const blosc2_schunk *schunk)
{
    return schunk->verifies;
}

int blosc2_schunk_check_sound(const blosc2_schunk *schunk)
{
    if (!schunk->is_doubtful) return BLOSC2_OK;
    return blosc2_fail(BLOSC2_E_CORRUPT,
                       "%s: header, index or trailer do not match their checksum: with checksum=False it can "
                       "be read, but neither changed nor copied. Write what is right of it to a new array",
                       schunk->path[0] ? schunk->path : "the frame");
}

bool blosc2_schunk_layers_in_doubt(const blosc2_schunk *schunk)
{
    return schunk->seal == BLOSC2_SEAL_LAYERS || schunk->doubts_layers;
}

void blosc2_schunk_doubt_layers(blosc2_schunk *schunk)
{
    if (schunk->seal == BLOSC2_SEAL_WHOLE) schunk->seal = BLOSC2_SEAL_LAYERS;
    if (schunk->seal == BLOSC2_SEAL_NONE) schunk->doubts_layers = true;
}

blosc2_seal b2_schunk_seal_of_copies(const blosc2_schunk *schunk)
{
    return blosc2_schunk_layers_in_doubt(schunk) ? BLOSC2_SEAL_LAYERS : BLOSC2_SEAL_WHOLE;
}

const blosc2_safety *blosc2_schunk_safety(const blosc2_schunk *schunk)
{
    return &schunk->safety;
}

blosc2_recovery blosc2_schunk_recovery(const blosc2_schunk *schunk)
{
    return schunk->recovered;
}

int64_t blosc2_schunk_chunk_count(const blosc2_schunk *schunk)
{
    int64_t chunk_bytes = schunk->chunk_bytes; /* of atomics: the index may be another's to change */
    return chunk_bytes > 0 ? b2_ceil_div(schunk->nbytes, chunk_bytes) : schunk->index.count;
}

int32_t blosc2_schunk_chunk_bytes(const blosc2_schunk *schunk)
{
    return schunk->chunk_bytes;
}

int32_t blosc2_schunk_block_bytes(const blosc2_schunk *schunk)
{
    return schunk->block_bytes;
}

int64_t blosc2_schunk_nbytes(const blosc2_schunk *schunk)
{
    return schunk->nbytes;
}

int32_t b2_schunk_fixed_nbytes(const blosc2_schunk *schunk, int64_t chunk)
{
    int64_t last = schunk->nbytes % schunk->chunk_bytes;
    return chunk == schunk->index.count - 1 && last ? (int32_t)last : schunk->chunk_bytes;
}

int b2_schunk_chunk_cbytes(const blosc2_schunk *schunk, int64_t location, int64_t *cbytes)
{
    uint8_t header[B2_HEADER_EXTENDED], postscript[B2_POSTSCRIPT_MIN];
    const b2_store_ops *ops = schunk->store->ops;
    if (!schunk->verifies) {
        int status = ops->read(schunk->store, location, 0, header, B2_HEADER_BLOSC1);
        if (status == BLOSC2_OK) *cbytes = b2_load_le32(header + 12);
        return status;
    }
    blosc2_view view;
    int64_t room;
    int status = ops->room(schunk->store, location, &room);
    if (status == BLOSC2_OK) status = ops->read(schunk->store, location, 0, header, sizeof header);
    if (status == BLOSC2_OK) status = b2_header_parse(header, sizeof header, room - B2_POSTSCRIPT_MIN, &view);
    if (status == BLOSC2_OK)
        status = ops->read(schunk->store, location, view.cbytes, postscript, sizeof postscript);
    if (status == BLOSC2_OK) status = b2_postscript_check_header(&view, postscript);
    if (status == BLOSC2_OK) *cbytes = view.cbytes;
    return status;
}

int blosc2_schunk_stored_bytes(const blosc2_schunk *schunk, int64_t *bytes)
{
    if (schunk->stored_bytes >= 0) {
        *bytes = schunk->stored_bytes;
        return BLOSC2_OK;
    }
    int64_t total = 0;
    for (int64_t i = 0; i < schunk->index.count && schunk->index.entries; i++) {
        int64_t cbytes = 0;
        if (schunk->index.entries[i] < 0) continue;
        int status = blosc2_check_interrupt();
        if (status == BLOSC2_OK) status = b2_schunk_chunk_cbytes(schunk, schunk->index.entries[i], &cbytes);
        if (status < 0) return blosc2_fail_within(status, "chunk %lld", (long long)i);
        if (!b2_add_i64(total, cbytes, &total)) return blosc2_fail(BLOSC2_E_CORRUPT, "chunk sizes overflow");
    }
    *bytes = total;
    return BLOSC2_OK;
}
