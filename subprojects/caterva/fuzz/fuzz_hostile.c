/**
 * The input chooses an array that this library has stored, changes of it that know its parts, and what is
 * done with it: all checksums are right again before, so that nothing but what is checked of numbers stands
 * between them and the reader. Files and directories; opened, read, verified, copied, and lived with. Built
 * by ci/fuzz.
 */
#include "io/recording.h"
#include "live.h"
#include "schunk/schunk.h"

enum { TEMPLATES = 20, CHANGES_MAX = 5 };
static const char PATH[] = "a.b2nd";

/* ------------------------------------------------------------------ what is stored */

/** One for each layout that chunks, indices and metadata have. */
typedef struct plan {
    int codec;
    uint8_t filter, second_filter;
    int ndim;
    int32_t item_bytes;
    int64_t extent;
    int32_t chunk, block;
    int clevel;
    enum { NOISE, STEPS, SAME, NOTHING } content;
    enum { AS_MADE, WITH_DICT, GROWN, REWRITTEN, UNSEALED } life;
} plan;

static const plan PLANS[TEMPLATES / 2] = {
    {BLOSC2_LZ4, BLOSC2_SHUFFLE, 0, 2, 4, 13, 6, 3, 5, STEPS, GROWN},
    {BLOSC2_BLOSCLZ, BLOSC2_DELTA, 0, 2, 2, 13, 6, 3, 5, STEPS, REWRITTEN},
    {BLOSC2_ZSTD, BLOSC2_BITSHUFFLE, 0, 2, 8, 30, 30, 6, 5, STEPS, WITH_DICT},
    {BLOSC2_ZLIB, BLOSC2_SHUFFLE, BLOSC2_BYTEDELTA, 3, 4, 7, 4, 2, 5, STEPS, AS_MADE},
    {BLOSC2_LZ4HC, BLOSC2_NOFILTER, 0, 1, 300, 12, 4, 2, 5, NOISE, GROWN},
    {BLOSC2_LZ4, BLOSC2_NOFILTER, 0, 2, 1, 40, 16, 8, 0, NOISE, REWRITTEN},
    {BLOSC2_LZ4, BLOSC2_SHUFFLE, 0, 2, 8, 10, 4, 2, 5, SAME, GROWN},
    {BLOSC2_LZ4, BLOSC2_SHUFFLE, 0, 9, 1, 2, 2, 1, 5, STEPS, AS_MADE},
    {BLOSC2_LZ4, BLOSC2_SHUFFLE, 0, 2, 4, 13, 6, 3, 5, STEPS, UNSEALED},
    {BLOSC2_LZ4, BLOSC2_SHUFFLE, 0, 1, 4, 0, 4, 2, 5, NOTHING, AS_MADE},
};

static caterva_options options_of(const plan *p, blosc2_home home)
{
    static const blosc2_metalayer note = {"note", (const uint8_t *)"a note of the user's", 20};
    caterva_options options = {.geometry = {.ndim = p->ndim, .item_bytes = p->item_bytes},
                               .dtype = "",
                               .home = home,
                               .path = PATH,
                               .cparams = blosc2_cparams_default(p->item_bytes),
                               .metalayers = &note,
                               .metalayer_count = 1,
                               .threads = 1};
    for (int d = 0; d < p->ndim; d++) {
        options.geometry.shape[d] = p->extent;
        options.geometry.chunks[d] = p->chunk;
        options.geometry.blocks[d] = p->block;
    }
    options.cparams.codec = p->codec;
    options.cparams.clevel = p->clevel;
    options.cparams.use_dict = p->life == WITH_DICT;
    options.cparams.filters[BLOSC2_MAX_FILTERS - 1] = p->second_filter ? p->second_filter : p->filter;
    options.cparams.filters[BLOSC2_MAX_FILTERS - 2] = p->second_filter ? p->filter : 0;
    if (p->life == UNSEALED) options.safety.checksums = BLOSC2_CHECKSUMS_OFF;
    return options;
}

static void write_all(caterva_array *array, const plan *p, unsigned salt)
{
    caterva_selection all = select_all(caterva_array_geometry(array));
    int64_t strides[CATERVA_MAX_NDIM];
    size_t bytes = (size_t)content_bytes(caterva_array_geometry(array));
    uint8_t *items = fuzz_alloc(bytes);
    box_strides(caterva_array_geometry(array), &all, strides);
    for (size_t i = 0; i < bytes; i++) {
        uint32_t n = (uint32_t)i + salt;
        items[i] = (uint8_t)(p->content == NOISE  ? (n * (n + 7)) % 251 * 7 >> 2
                             : p->content == SAME ? 5 + i % (size_t)p->item_bytes
                                                  : n / 24);
    }
    MUST(caterva_array_write(array, &all, items, strides) == BLOSC2_OK);
    free(items);
}

/** Commits after which there is dead space, and, by `flush`, all copies of the metadata. */
static void age(caterva_array *array, const plan *p)
{
    const blosc2_metalayer layer = {"vl", (const uint8_t *)"variable variable variable variable variable",
                                    44};
    int64_t shape[CATERVA_MAX_NDIM];
    MUST(caterva_array_set_layer(array, BLOSC2_LAYER_VARIABLE, &layer) == BLOSC2_OK);
    for (unsigned i = 1; i < 4 && p->life == REWRITTEN; i++) write_all(array, p, i);
    for (int d = 0; d < p->ndim; d++) shape[d] = p->extent + 3;
    if (p->life == GROWN) MUST(caterva_array_resize(array, shape) == BLOSC2_OK);
    MUST(caterva_array_flush(array) == BLOSC2_OK);
}

typedef struct collection {
    stored_frame frame;
    blosc2_home home;
} collection;

static void collect(void *context, const char *path, const uint8_t *bytes, size_t size)
{
    collection *all = context;
    const char *name = strrchr(path, '/');
    unsigned number = 0;
    if (!bytes || strstr(path, "lock")) return;
    if (all->home == BLOSC2_HOME_FILE || (name && strcmp(name, "/chunks.b2frame") == 0)) {
        all->frame.bytes = copy_of(bytes, size);
        all->frame.size = size;
    } else if (name && sscanf(name, "/%08X.chunk", &number) == 1) {
        MUST(all->frame.file_count < SEAL_FILES_MAX);
        all->frame.files[all->frame.file_count++] = (stored_file){number, copy_of(bytes, size), size};
    }
}

static stored_frame make_template(int number)
{
    const plan *p = &PLANS[number / 2];
    collection all = {.home = number % 2 ? BLOSC2_HOME_DIRECTORY : BLOSC2_HOME_FILE};
    all.frame.type = number % 2 ? B2_FRAME_SPARSE : B2_FRAME_CONTIGUOUS;
    caterva_options options = options_of(p, all.home);
    caterva_array *array;
    b2_io *io;
    MUST(b2_io_recording_create(&io) == BLOSC2_OK);
    b2_schunk_use_io(io);
    MUST(caterva_array_create(&options, &array) == BLOSC2_OK);
    if (p->content != NOTHING) write_all(array, p, 0);
    MUST(caterva_array_commit(array) == BLOSC2_OK);
    if (p->life != AS_MADE) age(array, p);
    caterva_array_free(array);
    b2_schunk_use_io(NULL);
    b2_io_recording_each(io, collect, &all);
    b2_io_recording_free(io);
    MUST(all.frame.bytes);
    return all.frame;
}

/* ------------------------------------------------------------------ a place for it */

static void put_file(const b2_io *io, const char *path, const uint8_t *bytes, size_t size)
{
    b2_file *file;
    if (io->open(io->context, path, B2_OPEN_NEW, &file) < 0) return; /* two have one number */
    MUST(io->write(io->context, file, bytes, size, 0) == BLOSC2_OK);
    io->close(io->context, file);
}

static b2_io *put(const stored_frame *frame)
{
    b2_io *io;
    MUST(b2_io_recording_create(&io) == BLOSC2_OK);
    if (frame->type == B2_FRAME_CONTIGUOUS) {
        put_file(io, PATH, frame->bytes, frame->size);
        return io;
    }
    MUST(io->make_directory(io->context, PATH) == BLOSC2_OK);
    put_file(io, "a.b2nd/chunks.b2frame", frame->bytes, frame->size);
    for (int i = 0; i < frame->file_count; i++) {
        char path[64];
        snprintf(path, sizeof path, "%s/%08X.chunk", PATH, (unsigned)frame->files[i].number);
        put_file(io, path, frame->files[i].bytes, frame->files[i].size);
    }
    return io;
}

/* ------------------------------------------------------------------ what is certain */

typedef struct range {
    int64_t start, stop;
} range;

static int compare_ranges(const void *a, const void *b)
{
    int64_t x = ((const range *)a)->start, y = ((const range *)b)->start;
    return (x > y) - (x < y);
}

/** Whether each chunk has its bytes for itself. Where it has not, a change of one is one of the other. */
static bool is_apart(const stored_frame *frame)
{
    static range ranges[SEAL_CHUNKS_MAX + 64];
    frame_parts *parts = (frame_parts *)(void *)fuzz_alloc(sizeof *parts);
    bool apart = find_parts_of(frame, parts);
    int count = 0;
    for (int64_t i = 0; i < parts->count && apart; i++) {
        int64_t room = 0;
        blosc2_view head;
        if (parts->entries[i] < 0) continue;
        const uint8_t *chunk = find_chunk(frame, parts, parts->entries[i], &room);
        int64_t bytes = chunk_extent(chunk, room, &head);
        bool is_file = frame->type == B2_FRAME_SPARSE; /* whose number the entry is */
        int64_t start, stop;
        apart = bytes > 0 &&
                b2_add_i64(parts->entries[i], is_file ? 0 : parts->header.header_bytes, &start) &&
                b2_add_i64(start, is_file ? 1 : bytes, &stop);
        if (apart) ranges[count++] = (range){start, stop};
    }
    for (int64_t at = frame->type == B2_FRAME_SPARSE ? -1 : find_copy(frame, 0);
         at >= 0 && count < SEAL_CHUNKS_MAX + 60; at = find_copy(frame, at + B2_COPY_OVERHEAD)) {
        b2_copy copy;
        ranges[count++] = (range){at, at + b2_copy_stated_bytes(frame->bytes + at)};
        if (b2_copy_parse(frame->bytes + at, (int64_t)frame->size - at, &copy))
            apart = apart && copy.mirror < (int64_t)frame->size;
    }
    if (frame->type == B2_FRAME_CONTIGUOUS) ranges[count++] = (range){parts->tags, parts->header.frame_bytes};
    qsort(ranges, (size_t)count, sizeof *ranges, compare_ranges);
    for (int i = 1; i < count && apart; i++) apart = ranges[i].start >= ranges[i - 1].stop;
    free(parts);
    return apart;
}

/* ------------------------------------------------------------------ */

static blosc2_origin choose_origin(choice_input *in)
{
    int flags = take_byte(in);
    return (blosc2_origin){
        .path = PATH,
        .max_bytes = flags & 0x70 ? 0 : 1 << (10 + take_below(in, 14)),
        .safety = {.durability = flags & 1 ? BLOSC2_DURABILITY_FSYNC : BLOSC2_DURABILITY_ORDER,
                   .checksums = flags & 6 ? BLOSC2_CHECKSUMS_ON : BLOSC2_CHECKSUMS_OFF,
                   .locking = flags & 8 ? BLOSC2_LOCKING_OFF : BLOSC2_LOCKING_ON}};
}

static void read_stored(const blosc2_origin *origin, const stored_frame *frame, choice_input in)
{
    caterva_array *array;
    if (caterva_array_open_origin(origin, &array) == BLOSC2_OK) {
        read_array(array, &in);
        caterva_array_free(array);
    }
    if (frame->type == B2_FRAME_CONTIGUOUS &&
        caterva_array_from_bytes(frame->bytes, frame->size, &array) == BLOSC2_OK) {
        read_array(array, &in);
        caterva_array_free(array);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static stored_frame templates[TEMPLATES];
    choice_input in = {data, size};
    int number = (int)take_below(&in, TEMPLATES);
    if (!templates[number].bytes) templates[number] = make_template(number);
    stored_frame frame = stored_copy(&templates[number]);
    int what = take_byte(&in);
    for (int64_t i = take_below(&in, CHANGES_MAX); i > 0; i--) mutate(&in, &frame);
    seal(&frame, what & 0xF0 ? SEAL_ALL : what & SEAL_ALL);
    blosc2_origin origin = choose_origin(&in);
    b2_io *io = put(&frame);
    b2_schunk_use_io(io);
    read_stored(&origin, &frame, in);
    live(&origin, is_apart(&frame), &in);
    b2_schunk_use_io(NULL);
    b2_io_recording_free(io);
    stored_free(&frame);
    return 0;
}
