/** Copies hold what their sources hold. */
#include "model.h"

static const char *directory;
static char path[SCRATCH_PATH_BYTES];

/** Options for a copy: the source's shape, all else anew. */
static caterva_options copy_options(const caterva_options *from, int round)
{
    caterva_options options = random_options();
    caterva_geometry *g = &options.geometry;
    *g = from->geometry;
    for (int d = 0; d < g->ndim; d++) {
        g->chunks[d] = (int32_t)random_in(1, g->shape[d] + 3);
        g->blocks[d] = (int32_t)random_in(1, g->chunks[d]);
    }
    options.cparams = random_cparams(g->item_bytes);
    options.home = (blosc2_home)(round % 4);
    snprintf(path, sizeof path, "%s/%d", directory, round);
    if (options.home >= BLOSC2_HOME_FILE) options.path = path;
    return options;
}

static void copies_of_other_chunks_are_equal(int round)
{
    caterva_options from_options = random_options();
    model from = model_filled(&from_options);
    caterva_options options = copy_options(&from_options, round);
    caterva_array *copy = NULL;
    CHECK_OK(caterva_array_copy(from.array, &options, &copy));
    if (copy) {
        CHECK_OK(caterva_array_commit(copy));
        CHECK(array_is_right(&from, copy));
    }
    caterva_array_free(copy);
    if (options.path) {
        copy = NULL;
        CHECK_OK(caterva_array_open(path, 0, BLOSC2_READ, &copy));
        if (copy) CHECK(array_is_right(&from, copy));
        caterva_array_free(copy);
    }
    model_free(&from);
}

static void equal_geometry_takes_the_compressed_bytes(void)
{
    caterva_options options = random_options();
    model from = model_filled(&options);
    blosc2_metalayer note = {"note", (const uint8_t *)"kept", 4};
    CHECK_OK(caterva_array_set_layer(from.array, BLOSC2_LAYER_VARIABLE, &note));
    blosc2_metalayer fixed = {"mine", (const uint8_t *)"fixed", 5};
    caterva_options to = options;
    to.home = BLOSC2_HOME_MEMFRAME;
    to.metalayers = &fixed;
    to.metalayer_count = 1;
    caterva_array *copy = NULL;
    CHECK_OK(caterva_array_copy(from.array, &to, &copy));
    if (!copy) exit(1);
    CHECK_OK(caterva_array_commit(copy));
    CHECK(array_is_right(&from, copy));
    int64_t a = -1, b = -2;
    CHECK_OK(caterva_array_stored_bytes(from.array, &a));
    CHECK_OK(caterva_array_stored_bytes(copy, &b));
    CHECK(a == b);
    const blosc2_schunk *schunk = caterva_array_schunk(copy);
    CHECK(blosc2_schunk_find_layer(schunk, BLOSC2_LAYER_VARIABLE, "note") >= 0);
    CHECK(blosc2_schunk_find_layer(schunk, BLOSC2_LAYER_FIXED, "mine") >= 0);
    caterva_array_free(copy);
    model_free(&from);
}

static void full_arrays_keep_their_fill_value(void)
{
    caterva_options options = random_options();
    uint8_t value[300];
    memset(value, 7, sizeof value);
    options.fill = CATERVA_FILL_VALUE;
    options.fill_value = value;
    model from = model_make(&options);
    memset(from.plain, 7, from.plain_bytes);
    CHECK_OK(caterva_array_commit(from.array));
    for (int same = 0; same < 2; same++) {
        caterva_options to = same ? options : copy_options(&options, 0);
        caterva_array *copy = NULL;
        CHECK_OK(caterva_array_copy(from.array, &to, &copy));
        if (!copy) exit(1);
        CHECK(array_is_right(&from, copy));
        const blosc2_schunk *schunk = caterva_array_schunk(copy);
        CHECK(blosc2_schunk_find_layer(schunk, BLOSC2_LAYER_VARIABLE, "caterva_fill") >= 0);
        caterva_array_free(copy);
    }
    model_free(&from);
}

static void a_terabyte_of_zeros_is_copied_at_once(void)
{
    caterva_options options = {.geometry = {.ndim = 1,
                                            .item_bytes = 1,
                                            .shape = {(int64_t)1 << 40},
                                            .chunks = {1 << 28},
                                            .blocks = {1 << 16}},
                               .cparams = blosc2_cparams_default(1),
                               .threads = 1};
    caterva_array *from = NULL, *to = NULL;
    CHECK_OK(caterva_array_create(&options, &from));
    options.geometry.chunks[0] = 3 << 27;
    CHECK_OK(caterva_array_copy(from, &options, &to));
    int64_t stored = -1;
    CHECK_OK(caterva_array_stored_bytes(to, &stored));
    CHECK(stored == 0);
    caterva_array_free(to);
    caterva_array_free(from);
}

static void the_shape_is_the_source_s_and_the_rest_of_its_kind_must_be(void)
{
    caterva_options options = {
        .geometry = {.ndim = 1, .item_bytes = 1, .shape = {5}, .chunks = {2}, .blocks = {1}},
        .cparams = blosc2_cparams_default(1),
        .threads = 1};
    model from = model_filled(&options);
    caterva_array *to = NULL;
    options.geometry.shape[0] = 6; /* it may have been that a moment ago */
    CHECK_OK(caterva_array_copy(from.array, &options, &to));
    CHECK_OK(caterva_array_commit(to));
    CHECK(caterva_array_geometry(to)->shape[0] == 5 && array_is_right(&from, to));
    caterva_array_free(to);
    to = NULL;
    options.geometry.item_bytes = 2;
    CHECK(caterva_array_copy(from.array, &options, &to) == BLOSC2_E_ARGUMENT && !to);
    options.geometry =
        (caterva_geometry){.ndim = 2, .item_bytes = 1, .shape = {5, 1}, .chunks = {2, 1}, .blocks = {1, 1}};
    CHECK(caterva_array_copy(from.array, &options, &to) == BLOSC2_E_ARGUMENT && !to);
    model_free(&from);
}

int main(void)
{
    directory = scratch_directory();
    CHECK_OK(blosc2_init());
    for (int round = 0; round < 80; round++) copies_of_other_chunks_are_equal(round);
    for (int round = 0; round < 30; round++) equal_geometry_takes_the_compressed_bytes();
    for (int round = 0; round < 10; round++) full_arrays_keep_their_fill_value();
    a_terabyte_of_zeros_is_copied_at_once();
    the_shape_is_the_source_s_and_the_rest_of_its_kind_must_be();
    scratch_remove(directory);
    return check_result();
}
