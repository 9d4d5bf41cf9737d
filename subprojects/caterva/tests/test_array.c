/** Arrays in every home: what was written is read, by any selection, now and after they are opened again. */
#include <stdatomic.h>

#include "model.h"
#include "threads/os.h"

static char path[SCRATCH_PATH_BYTES];

static int read_bytes(void *context, void *out, size_t bytes, int64_t position)
{
    memcpy(out, (const uint8_t *)context + position, bytes);
    return 0;
}

/** The array's bytes as a frame of their own, through memory and through a callback. */
static void check_exported(model *m)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    caterva_array *array = NULL;
    CHECK_OK(caterva_array_to_bytes(m->array, &bytes, &size));
    CHECK_OK(caterva_array_from_bytes(bytes, size, &array));
    if (array) CHECK(array_is_right(m, array));
    caterva_array_free(array);
    array = NULL;
    CHECK_OK(caterva_array_open_source(read_bytes, bytes, (int64_t)size, &array));
    if (array) CHECK(array_is_right(m, array));
    caterva_array_free(array);
    blosc2_bytes_free(bytes);
}

static void check_reopened(model *m)
{
    caterva_array *array = NULL;
    CHECK_OK(caterva_array_open(path, 0, BLOSC2_READ, &array));
    if (!array) return;
    CHECK(array_is_right(m, array));
    CHECK(strcmp(caterva_array_dtype(array), m->options.dtype) == 0);
    CHECK(memcmp(caterva_array_geometry(array), &m->options.geometry, sizeof(caterva_geometry)) == 0);
    caterva_array_free(array);
}

static void random_writes_are_read(blosc2_home home, int round, const char *directory)
{
    caterva_options options = random_options();
    bool on_disk = home == BLOSC2_HOME_FILE || home == BLOSC2_HOME_DIRECTORY;
    snprintf(path, sizeof path, "%s/%d-%d", directory, (int)home, round);
    options.home = home;
    options.path = on_disk ? path : NULL;
    model m = model_make(&options);
    CHECK(array_is_right(&m, m.array)); /* zeros */
    model_write(&m);
    CHECK(array_is_right(&m, m.array)); /* own writes, before the commit */
    if (on_disk) CHECK(!scratch_is_there(path));
    CHECK_OK(caterva_array_commit(m.array));
    if (on_disk) check_reopened(&m);
    for (int i = 0; i < 4; i++) {
        model_write(&m); /* a change each */
        CHECK(array_is_right(&m, m.array));
    }
    if (on_disk) {
        caterva_array_free(m.array);
        m.array = NULL;
        CHECK_OK(caterva_array_open(path, 0, BLOSC2_UPDATE, &m.array));
        if (!m.array) exit(1);
        caterva_array_set_threads(m.array, 2);
        model_write(&m);
        check_reopened(&m);
    }
    check_exported(&m);
    model_free(&m);
}

/* ------------------------------------------------------------------ fill values */

static void full_arrays_hold_their_value(void)
{
    caterva_options options = random_options();
    caterva_geometry *g = &options.geometry;
    uint8_t value[300];
    random_bytes(value, sizeof value);
    value[0] = 1;
    options.fill = CATERVA_FILL_VALUE;
    options.fill_value = value;
    model m = model_make(&options);
    for (size_t i = 0; i < m.plain_bytes; i++) m.plain[i] = value[i % (size_t)g->item_bytes];
    CHECK_OK(caterva_array_commit(m.array));
    CHECK(array_is_right(&m, m.array));
    const blosc2_schunk *schunk = caterva_array_schunk(m.array);
    int64_t stored, count = blosc2_schunk_chunk_count(schunk);
    CHECK_OK(caterva_array_stored_bytes(m.array, &stored));
    CHECK(stored == count * (BLOSC2_CHUNK_OVERHEAD + g->item_bytes));
    int index = blosc2_schunk_find_layer(schunk, BLOSC2_LAYER_VARIABLE, "caterva_fill");
    CHECK(index >= 0);
    uint8_t *content = NULL;
    int32_t size = 0;
    CHECK_OK(blosc2_schunk_layer_content(schunk, BLOSC2_LAYER_VARIABLE, index, &content, &size));
    CHECK(memcmp(content + size - g->item_bytes, value, (size_t)g->item_bytes) == 0);
    blosc2_bytes_free(content);
    model_write(&m);
    CHECK(array_is_right(&m, m.array));
    check_exported(&m);
    model_free(&m);
}

static void zero_fill_values_are_zeros(void)
{
    caterva_options options = random_options();
    uint8_t value[300] = {0};
    for (int kind = CATERVA_FILL_VALUE; kind <= CATERVA_FILL_UNINIT; kind++) {
        options.fill = (caterva_fill)kind;
        options.fill_value = value;
        model m = model_make(&options);
        CHECK(array_is_right(&m, m.array));
        CHECK(blosc2_schunk_layer_count(caterva_array_schunk(m.array), BLOSC2_LAYER_VARIABLE) == 0);
        model_write(&m);
        CHECK(array_is_right(&m, m.array));
        model_free(&m);
    }
}

static void a_huge_array_of_zeros_costs_nothing(void)
{
    caterva_options options = {.geometry = {.ndim = 2,
                                            .item_bytes = 8,
                                            .shape = {(int64_t)1 << 31, (int64_t)1 << 20},
                                            .chunks = {1 << 17, 1 << 10},
                                            .blocks = {1 << 7, 1 << 8}},
                               .cparams = blosc2_cparams_default(8),
                               .threads = 1};
    caterva_array *array = NULL;
    CHECK_OK(caterva_array_create(&options, &array));
    if (!array) return;
    CHECK_OK(caterva_array_commit(array));
    uint64_t items[3] = {7, 8, 9};
    caterva_selection selection = {
        .start = {((int64_t)1 << 31) - 1, 5}, .count = {1, 3}, .step = {1, 1 << 18}};
    int64_t strides[2] = {24, 8};
    CHECK_OK(caterva_array_read(array, &selection, items, strides));
    CHECK(items[0] == 0 && items[1] == 0 && items[2] == 0);
    uint8_t *bytes = NULL;
    size_t size = 0;
    CHECK_OK(caterva_array_to_bytes(array, &bytes, &size));
    CHECK(size < 500);
    blosc2_bytes_free(bytes);
    caterva_array_free(array);
}

/* ------------------------------------------------------------------ blocks */

/** Chunks of 4 by 4 blocks of incompressible items: the blocks not touched keep their compressed bytes. */
static void untouched_blocks_are_not_compressed_again(void)
{
    caterva_options options = {
        .geometry = {.ndim = 2, .item_bytes = 4, .shape = {64, 64}, .chunks = {64, 64}, .blocks = {16, 16}},
        .cparams = blosc2_cparams_default(4),
        .threads = 1};
    model m = model_make(&options);
    for (size_t i = 0; i < m.plain_bytes; i++) m.plain[i] = i % 4 ? 0 : (uint8_t)random_u64();
    caterva_selection all = whole(&options.geometry);
    int64_t strides[2] = {64 * 4, 4};
    CHECK_OK(caterva_array_write(m.array, &all, m.plain, strides));
    CHECK_OK(caterva_array_commit(m.array));
    /* Break a block: a write beside it would give it a new checksum, and is refused; writing all of it is
     * not. */
    uint8_t *bytes = NULL;
    size_t size = 0;
    CHECK_OK(caterva_array_to_bytes(m.array, &bytes, &size));
    caterva_array *broken = NULL;
    for (size_t at = size / 2; at < size / 2 + 64; at++) bytes[at] = (uint8_t)~bytes[at];
    const blosc2_origin origin = {
        .bytes = bytes, .size = (int64_t)size, .safety.checksums = BLOSC2_CHECKSUMS_OFF};
    CHECK_OK(caterva_array_open_origin(&origin, &broken));
    if (broken) {
        uint32_t item = 7;
        int damaged = 0, refused = 0;
        for (int64_t row = 0; row < 64; row += 16) {
            for (int64_t column = 0; column < 64; column += 16) {
                caterva_selection one = {.start = {row, column}, .count = {1, 1}, .step = {1, 1}};
                caterva_selection block = {.start = {row, column}, .count = {16, 16}, .step = {1, 1}};
                if (!selection_is_right(&m, broken, &block, BOX_C_ORDER)) {
                    damaged++;
                } else if (caterva_array_write(broken, &one, &item, strides) < 0) {
                    refused++;
                } else {
                    memcpy(m.plain + row * 256 + column * 4, &item, 4);
                    CHECK(selection_is_right(&m, broken, &block, BOX_C_ORDER));
                }
            }
        }
        CHECK(damaged >= 1 && damaged <= 2);
        CHECK(refused >= 1);
        CHECK_OK(caterva_array_write(broken, &all, m.plain, strides));
        const caterva_selection one = {.start = {17, 17}, .count = {1, 1}, .step = {1, 1}};
        CHECK_OK(caterva_array_write(broken, &one, &item, strides));
        memcpy(m.plain + 17 * 256 + 17 * 4, &item, 4);
        CHECK(selection_is_right(&m, broken, &all, BOX_C_ORDER));
    }
    caterva_array_free(broken);
    blosc2_bytes_free(bytes);
    model_free(&m);
}

/* ------------------------------------------------------------------ arguments */

static void wrong_arguments_are_refused(void)
{
    caterva_options options = random_options();
    caterva_array *array = NULL;
    caterva_options wrong = options;
    wrong.cparams.item_bytes++;
    CHECK(caterva_array_create(&wrong, &array) == BLOSC2_E_ARGUMENT);
    wrong = options;
    wrong.geometry.ndim = 17;
    CHECK(caterva_array_create(&wrong, &array) == BLOSC2_E_ARGUMENT);
    wrong = options;
    wrong.threads = 0;
    CHECK(caterva_array_create(&wrong, &array) == BLOSC2_E_ARGUMENT);
    wrong = options;
    wrong.dtype = "\xff";
    CHECK(caterva_array_create(&wrong, &array) == BLOSC2_E_ARGUMENT);
    wrong = options;
    wrong.fill = CATERVA_FILL_VALUE;
    CHECK(caterva_array_create(&wrong, &array) == BLOSC2_E_ARGUMENT);
    wrong = options;
    wrong.fill = (caterva_fill)7;
    CHECK(caterva_array_create(&wrong, &array) == BLOSC2_E_ARGUMENT);
    blosc2_metalayer own = {"b2nd", (const uint8_t *)"x", 1};
    wrong = options;
    wrong.metalayers = &own;
    wrong.metalayer_count = 1;
    CHECK(caterva_array_create(&wrong, &array) == BLOSC2_E_ARGUMENT);
    CHECK(!array);
}

static void wrong_selections_are_refused(void)
{
    caterva_options options = {
        .geometry = {.ndim = 1, .item_bytes = 1, .shape = {5}, .chunks = {2}, .blocks = {1}},
        .cparams = blosc2_cparams_default(1),
        .threads = 1};
    model m = model_make(&options);
    uint8_t items[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    int64_t stride = 1;
    caterva_selection beyond = {.start = {3}, .count = {3}, .step = {1}};
    CHECK(caterva_array_read(m.array, &beyond, items, &stride) == BLOSC2_E_ARGUMENT);
    CHECK(caterva_array_write(m.array, &beyond, items, &stride) == BLOSC2_E_ARGUMENT);
    CHECK(array_is_right(&m, m.array));
    caterva_selection nothing = {.start = {0}, .count = {0}, .step = {1}};
    CHECK_OK(caterva_array_read(m.array, &nothing, NULL, &stride));
    CHECK_OK(caterva_array_write(m.array, &nothing, NULL, &stride));
    CHECK_OK(caterva_array_commit(m.array));
    model_free(&m);
}

/* ------------------------------------------------------------------ threads */

typedef struct contest {
    caterva_array *array;
    atomic_bool over;
    atomic_int torn;
} contest;

enum { CONTEST_ITEMS = 40 * 30 };

/** Each write sets all items to one number, so a reader must see one number. */
static b2_thread_result B2_THREAD_CALL read_all(void *context)
{
    contest *c = context;
    caterva_selection all = whole(caterva_array_geometry(c->array));
    int64_t strides[2] = {30 * 2, 2};
    uint16_t items[CONTEST_ITEMS];
    while (!atomic_load(&c->over)) {
        if (caterva_array_read(c->array, &all, items, strides) < 0) atomic_fetch_add(&c->torn, 1);
        for (int i = 1; i < CONTEST_ITEMS; i++) {
            if (items[i] != items[0]) atomic_fetch_add(&c->torn, 1);
        }
    }
    return 0;
}

static void readers_see_whole_writes(void)
{
    caterva_options options = {
        .geometry = {.ndim = 2, .item_bytes = 2, .shape = {40, 30}, .chunks = {16, 16}, .blocks = {5, 7}},
        .cparams = blosc2_cparams_default(2),
        .threads = 2};
    contest c = {0};
    CHECK_OK(caterva_array_create(&options, &c.array));
    CHECK_OK(caterva_array_commit(c.array));
    b2_thread readers[3];
    for (int i = 0; i < 3; i++) CHECK(b2_thread_start(&readers[i], read_all, &c));
    caterva_selection all = whole(&options.geometry);
    int64_t still[2] = {0, 0};
    for (uint16_t number = 1; number <= 60; number++) {
        CHECK_OK(caterva_array_write(c.array, &all, &number, still));
        caterva_array_set_threads(c.array, 1 + number % 3);
    }
    atomic_store(&c.over, true);
    for (int i = 0; i < 3; i++) b2_thread_join(readers[i]);
    CHECK(atomic_load(&c.torn) == 0);
    caterva_array_free(c.array);
}

int main(void)
{
    const char *directory = scratch_directory();
    CHECK_OK(blosc2_init());
    for (int round = 0; round < 120; round++)
        random_writes_are_read((blosc2_home)(round % 4), round, directory);
    for (int round = 0; round < 30; round++) full_arrays_hold_their_value();
    for (int round = 0; round < 10; round++) zero_fill_values_are_zeros();
    a_huge_array_of_zeros_costs_nothing();
    untouched_blocks_are_not_compressed_again();
    wrong_arguments_are_refused();
    wrong_selections_are_refused();
    readers_see_whole_writes();
    scratch_remove(directory);
    return check_result();
}
