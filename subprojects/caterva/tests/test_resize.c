/** Growing and shrinking beside a plain array, interleaved with writes, and failing at any allocation. */
#include "model.h"

/* c-blosc2's switch for tests (src/base/memory.h): its n-th allocation from now fails, and all after it. */
void b2_memory_fail_after(int64_t allocations);

static const char *directory;
static char path[SCRATCH_PATH_BYTES];

/** The plain array in another shape, new items as the fill value says. */
static void resize_plain(model *m, const int64_t *shape)
{
    caterva_geometry *g = &m->options.geometry;
    size_t item_bytes = (size_t)g->item_bytes, bytes = item_bytes;
    int64_t items = count_items(g->ndim, shape), old_strides[CATERVA_MAX_NDIM];
    c_strides(g->ndim, g->shape, g->item_bytes, old_strides);
    bytes *= (size_t)items;
    uint8_t *grown = need(malloc(bytes + 1));
    for (int64_t i = 0; i < items; i++) {
        int64_t rest = i, from = 0;
        bool is_old = true;
        for (int d = g->ndim - 1; d >= 0; d--) {
            is_old = is_old && rest % shape[d] < g->shape[d];
            from += rest % shape[d] * old_strides[d];
            rest /= shape[d];
        }
        uint8_t *to = grown + (size_t)i * item_bytes;
        memset(to, 0, item_bytes);
        if (is_old)
            memcpy(to, m->plain + from, item_bytes);
        else if (m->options.fill == CATERVA_FILL_VALUE)
            memcpy(to, m->options.fill_value, item_bytes);
    }
    free(m->plain);
    m->plain = grown;
    m->plain_bytes = bytes;
    for (int d = 0; d < g->ndim; d++) g->shape[d] = shape[d];
}

static void random_shape(const caterva_geometry *g, int64_t *shape)
{
    for (int d = 0; d < g->ndim; d++) {
        shape[d] = random_in(0, 2) ? random_in(random_in(0, 9) ? 1 : 0, g->ndim > 2 ? 11 : 50) : g->shape[d];
    }
}

static bool file_is_right(const model *m)
{
    if (!m->options.path) return true;
    caterva_array *array = NULL;
    if (caterva_array_open(m->options.path, 0, BLOSC2_READ, &array) < 0) return false;
    bool right = array_is_right(m, array);
    caterva_array_free(array);
    return right;
}

static model random_model(blosc2_home home, uint8_t *fill)
{
    caterva_options options = random_options();
    options.home = home;
    snprintf(path, sizeof path, "%s/array-%d", directory, (int)home);
    if (home >= BLOSC2_HOME_FILE) options.path = path;
    random_bytes(fill, 300);
    options.fill = random_in(0, 1) ? CATERVA_FILL_VALUE : CATERVA_FILL_ZEROS;
    options.fill_value = fill;
    model m = model_make(&options);
    size_t item_bytes = (size_t)options.geometry.item_bytes;
    for (size_t i = 0; i < m.plain_bytes && options.fill == CATERVA_FILL_VALUE; i++)
        m.plain[i] = fill[i % item_bytes];
    model_write(&m);
    CHECK_OK(caterva_array_commit(m.array));
    return m;
}

static void resizes_and_writes_follow_each_other(blosc2_home home)
{
    uint8_t fill[300];
    int64_t shape[CATERVA_MAX_NDIM];
    model m = random_model(home, fill);
    for (int i = 0; i < 8; i++) {
        random_shape(&m.options.geometry, shape);
        CHECK_OK(caterva_array_resize(m.array, shape));
        resize_plain(&m, shape);
        CHECK(array_is_right(&m, m.array));
        CHECK(file_is_right(&m));
        model_write(&m);
    }
    CHECK(file_is_right(&m));
    model_free(&m);
    if (home >= BLOSC2_HOME_FILE) scratch_remove(path);
}

/** Several resizes and writes in one change, which never was. */
static void a_rollback_undoes_resizes(blosc2_home home)
{
    uint8_t fill[300];
    int64_t shape[CATERVA_MAX_NDIM];
    model m = random_model(home, fill);
    caterva_geometry before = m.options.geometry;
    uint8_t *plain = need(malloc(m.plain_bytes + 1));
    size_t plain_bytes = m.plain_bytes;
    memcpy(plain, m.plain, plain_bytes);
    CHECK_OK(caterva_array_begin(m.array));
    for (int i = 0; i < 4; i++) {
        random_shape(&m.options.geometry, shape);
        CHECK_OK(caterva_array_resize(m.array, shape));
        resize_plain(&m, shape);
        model_write(&m);
        CHECK(array_is_right(&m, m.array));
    }
    caterva_array_rollback(m.array);
    free(m.plain);
    m.plain = plain;
    m.plain_bytes = plain_bytes;
    m.options.geometry = before;
    CHECK(array_is_right(&m, m.array));
    CHECK(file_is_right(&m));
    model_free(&m);
    if (home >= BLOSC2_HOME_FILE) scratch_remove(path);
}

static void every_failed_allocation_leaves_the_array(blosc2_home home)
{
    uint8_t fill[300];
    int64_t shape[CATERVA_MAX_NDIM];
    model m = random_model(home, fill);
    for (int d = 0; d < m.options.geometry.ndim; d++) shape[d] = m.options.geometry.shape[d] + 7 - 3 * d;
    for (int64_t n = 0; n < 2000; n++) {
        b2_memory_fail_after(n);
        int status = caterva_array_resize(m.array, shape);
        b2_memory_fail_after(-1);
        if (status == BLOSC2_OK) break;
        CHECK(status == BLOSC2_E_MEMORY || status == BLOSC2_E_ARGUMENT); /* of negative lengths */
        CHECK(array_is_right(&m, m.array));
        CHECK(file_is_right(&m));
        if (status == BLOSC2_E_ARGUMENT) break;
    }
    model_free(&m);
    if (home >= BLOSC2_HOME_FILE) scratch_remove(path);
}

static void wrong_shapes_and_steps_are_refused(void)
{
    caterva_options options = {
        .geometry = {.ndim = 2, .item_bytes = 4, .shape = {5, 6}, .chunks = {2, 3}, .blocks = {2, 2}},
        .cparams = blosc2_cparams_default(4),
        .dtype = "<u4",
        .threads = 1};
    model m = model_filled(&options);
    const int64_t negative[] = {5, -1}, huge[] = {INT64_MAX / 2, 9}, right[] = {5, 6};
    CHECK(caterva_array_resize(m.array, negative) == BLOSC2_E_ARGUMENT);
    CHECK(caterva_array_resize(m.array, huge) == BLOSC2_E_ARGUMENT);
    CHECK_OK(caterva_array_resize(m.array, right));
    const caterva_step wrong[] = {
        {CATERVA_STEP_RESIZE, 0, -1, 0}, {CATERVA_STEP_INSERT, 1, 2, 0}, {CATERVA_STEP_INSERT, 2, 1, 0},
        {CATERVA_STEP_REMOVE, 4, 2, 0},  {CATERVA_STEP_MOVE, 3, 3, 0},   {CATERVA_STEP_MOVE, 0, 3, 3},
        {CATERVA_STEP_MOVE, -1, 1, 0},   {CATERVA_STEP_WRITE, 0, 1, 0},  {(caterva_step_kind)9, 0, 0, 0}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const caterva_step steps[] = {{CATERVA_STEP_MOVE, 0, 2, 3}, wrong[i]};
        CHECK(caterva_array_edit(m.array, right, 0, steps, 2, NULL, NULL) == BLOSC2_E_ARGUMENT);
        CHECK(array_is_right(&m, m.array));
    }
    CHECK(caterva_array_edit(m.array, right, 2, wrong, 0, NULL, NULL) == BLOSC2_E_ARGUMENT);
    CHECK(caterva_array_edit(m.array, huge, 0, wrong, 0, NULL, NULL) == BLOSC2_E_ARGUMENT);
    model_free(&m);
}

/* ------------------------------------------------------------------ boxes for a shape that has changed */

typedef struct last_item {
    int64_t length; /* that the box was made for */
    uint32_t value;
    int64_t stride;
    int made;
} last_item;

/** The last item, wherever that is. */
static int make_last(void *context, const caterva_geometry *geometry, caterva_box *out)
{
    last_item *last = context;
    last->made++;
    last->length = geometry->shape[0];
    if (last->length > 8) return blosc2_fail(BLOSC2_E_ARGUMENT, "no box for %d", (int)last->length);
    *out = (caterva_box){.values = &last->value, .strides = &last->stride};
    out->selection.start[0] = last->length - 1;
    out->selection.count[0] = out->selection.step[0] = 1;
    return BLOSC2_OK;
}

static uint32_t item_at(caterva_array *array, int64_t index)
{
    uint32_t value = 0;
    const int64_t stride = 4;
    const caterva_selection one = {.start = {index}, .count = {1}, .step = {1}};
    CHECK_OK(caterva_array_read(array, &one, &value, &stride));
    return value;
}

/** @param number  Of the file. */
static void boxes_are_made_for_what_is_there(blosc2_home home, int number)
{
    caterva_options options = {
        .geometry = {.ndim = 1, .item_bytes = 4, .shape = {4}, .chunks = {3}, .blocks = {2}},
        .cparams = blosc2_cparams_default(4),
        .home = home,
        .path = path,
        .threads = 1};
    caterva_array *array = NULL, *other = NULL;
    caterva_geometry stale;
    caterva_box box;
    last_item last = {.value = 7, .stride = 4};
    snprintf(path, sizeof path, "%s/boxes%d", directory, number);
    CHECK_OK(caterva_array_create(&options, &array));
    CHECK_OK(caterva_array_commit(array));
    CHECK_OK(caterva_array_open(path, 0, BLOSC2_UPDATE, &other));
    caterva_array_get_geometry(array, &stale);
    CHECK_OK(make_last(&last, &stale, &box));
    CHECK_OK(caterva_array_plan_write(array, &stale, &box, make_last, &last));
    CHECK(last.made == 1 && item_at(array, 3) == 7); /* the one that was made first */

    CHECK_OK(caterva_array_resize(other, (int64_t[CATERVA_MAX_NDIM]){6}));
    last.value = 8;
    CHECK_OK(caterva_array_plan_write(array, &stale, &box, make_last, &last));
    CHECK(last.made == 2 && last.length == 6 && item_at(array, 5) == 8 && item_at(array, 3) == 7);

    bool is_other = false;
    uint32_t value = 99;
    CHECK_OK(caterva_array_read_of(array, BLOSC2_USE_READ, &stale, &box.selection, &value, &last.stride,
                                   &is_other));
    CHECK(is_other && value == 99 && !caterva_array_read_hot(array, &stale, &box.selection, &value));
    caterva_array_get_geometry(array, &stale);
    CHECK_OK(caterva_array_read_of(array, BLOSC2_USE_READ, &stale, &box.selection, &value, &last.stride,
                                   &is_other));
    CHECK(!is_other && value == 7);

    CHECK_OK(caterva_array_resize(other, (int64_t[CATERVA_MAX_NDIM]){9}));
    CHECK(caterva_array_plan_write(array, NULL, NULL, make_last, &last) == BLOSC2_E_ARGUMENT);
    CHECK(last.made == 3 && strstr(blosc2_last_error(), "no box for 9"));
    CHECK_OK(caterva_array_flush(array)); /* no change is open */
    CHECK(item_at(array, 5) == 8 && item_at(array, 8) == 0);
    caterva_array_free(other);
    caterva_array_free(array);
}

int main(void)
{
    directory = scratch_directory();
    CHECK_OK(blosc2_init());
    for (int home = BLOSC2_HOME_MEMORY; home <= BLOSC2_HOME_DIRECTORY; home++) {
        for (int i = 0; i < 12; i++) {
            resizes_and_writes_follow_each_other((blosc2_home)home);
            a_rollback_undoes_resizes((blosc2_home)home);
            if (i % 4 == 0) every_failed_allocation_leaves_the_array((blosc2_home)home);
        }
    }
    boxes_are_made_for_what_is_there(BLOSC2_HOME_FILE, 1);
    boxes_are_made_for_what_is_there(BLOSC2_HOME_DIRECTORY, 2);
    wrong_shapes_and_steps_are_refused();
    scratch_remove(directory);
    return check_result();
}
