/**
 * The input is a list of changes of the files of a sparse frame: bytes are replaced, files cut or removed.
 * What is left is opened with its checksums unread, as if they agreed, and used. Built by ci/fuzz.
 */
#include "exercise.h"
#include "io/recording.h"
#include "schunk/schunk.h"

enum { EDIT_BYTES = 4, TEMPLATES = 4, NAME_BYTES = 64, FILES_MAX = 32 };
static const char PATH[] = "a.b2nd";

typedef struct names {
    char text[FILES_MAX][NAME_BYTES];
    int count;
} names;

static void add_name(void *context, const char *path, const uint8_t *bytes, size_t size)
{
    names *all = context;
    (void)size;
    if (bytes && all->count < FILES_MAX) snprintf(all->text[all->count++], NAME_BYTES, "%s", path);
}

/** An array of noise and smooth rows; another pipeline for each template. */
static b2_io *make_template(int number)
{
    static const int codecs[TEMPLATES] = {BLOSC2_LZ4, BLOSC2_BLOSCLZ, BLOSC2_ZSTD, BLOSC2_ZLIB};
    static const uint8_t filters[TEMPLATES] = {BLOSC2_SHUFFLE, BLOSC2_DELTA, BLOSC2_BITSHUFFLE,
                                               BLOSC2_NOFILTER};
    uint16_t items[9 * 7];
    const int64_t strides[] = {14, 2};
    b2_io *io;
    caterva_array *array;
    caterva_options options = {
        .geometry = {.ndim = 2, .item_bytes = 2, .shape = {9, 7}, .chunks = {4, 5}, .blocks = {2, 3}},
        .dtype = "<u2",
        .home = BLOSC2_HOME_DIRECTORY,
        .path = PATH,
        .cparams = blosc2_cparams_default(2),
        .threads = 1};
    options.cparams.codec = codecs[number];
    options.cparams.filters[BLOSC2_MAX_FILTERS - 1] = filters[number];
    for (int i = 0; i < 63; i++) items[i] = (uint16_t)(i / 7 % 2 ? i * 40503 : i / 9);
    caterva_selection all = select_all(&options.geometry);
    MUST(b2_io_recording_create(&io) == BLOSC2_OK);
    b2_schunk_use_io(io);
    MUST(caterva_array_create(&options, &array) == BLOSC2_OK);
    MUST(caterva_array_write(array, &all, items, strides) == BLOSC2_OK);
    MUST(caterva_array_commit(array) == BLOSC2_OK);
    caterva_array_free(array);
    b2_schunk_use_io(NULL);
    return io;
}

/** File (1 byte), what and how many bytes (1), where (2), then the bytes. @return How much of the input it
 * was. */
static size_t edit(const b2_io *io, const names *files, const uint8_t *data, size_t size)
{
    size_t count = data[1] & 31, position = (size_t)(data[2] | data[3] << 8);
    if (count > size - EDIT_BYTES) count = size - EDIT_BYTES;
    const char *path = files->text[data[0] % files->count];
    b2_file *file;
    if (io->open(io->context, path, B2_OPEN_UPDATE, &file) < 0) return EDIT_BYTES + count;
    int64_t bytes = 0;
    io->size(io->context, file, &bytes);
    if (bytes) position %= (size_t)bytes;
    if (data[1] >> 5 == 7)
        io->truncate(io->context, file, (int64_t)position);
    else
        io->write(io->context, file, data + EDIT_BYTES, count, (int64_t)position);
    io->close(io->context, file);
    if (data[1] == 0xC0) io->remove(io->context, path);
    return EDIT_BYTES + count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static b2_io *templates[TEMPLATES];
    if (size == 0) return 0;
    int number = data[0] % TEMPLATES;
    if (!templates[number]) templates[number] = make_template(number);
    b2_io *io;
    names files = {.count = 0};
    MUST(b2_io_recording_replay(templates[number], b2_io_recording_count(templates[number]), NULL, &io) ==
         BLOSC2_OK);
    b2_io_recording_each(io, add_name, &files);
    for (size_t at = 1; at + EDIT_BYTES <= size;) at += edit(io, &files, data + at, size - at);
    b2_schunk_use_io(io);
    caterva_array *array;
    const blosc2_origin origin = {
        .path = PATH, .mode = BLOSC2_UPDATE, .safety = {.checksums = BLOSC2_CHECKSUMS_OFF}};
    if (caterva_array_open_origin(&origin, &array) == BLOSC2_OK) {
        exercise(array, data, size);
        caterva_array_free(array);
    }
    b2_schunk_use_io(NULL);
    b2_io_recording_free(io);
    return 0;
}
