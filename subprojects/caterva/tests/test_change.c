/** Changes: a failure or a rollback leaves the array as it was, in memory and in its file. */
#ifndef _WIN32
#include <signal.h>
#include <sys/resource.h>
#endif

#include "model.h"

/* c-blosc2's switch for tests (src/base/memory.h): its n-th allocation from now fails, and all after it. */
void b2_memory_fail_after(int64_t allocations);

static const char *directory;
static char path[SCRATCH_PATH_BYTES];

static model filled_in(blosc2_home home, const char *name)
{
    caterva_options options = {
        .geometry = {.ndim = 2, .item_bytes = 4, .shape = {50, 60}, .chunks = {20, 20}, .blocks = {7, 9}},
        .cparams = blosc2_cparams_default(4),
        .dtype = "<u4",
        .home = home,
        .threads = 1};
    snprintf(path, sizeof path, "%s/%s-%d", directory, name, (int)home);
    if (home >= BLOSC2_HOME_FILE) options.path = path;
    return model_filled(&options);
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

static int write_noise(model *m, memory_box *noise)
{
    caterva_selection inner = {.start = {3, 5}, .count = {45, 50}, .step = {1, 1}};
    if (!noise->bytes) *noise = box_make(2, inner.count, 4, BOX_C_ORDER);
    return caterva_array_write(m->array, &inner, noise->first, noise->strides);
}

static void every_failed_allocation_leaves_the_array(blosc2_home home)
{
    model m = filled_in(home, "memory");
    memory_box noise = {0};
    int failures = 0;
    for (int64_t n = 0; n < 1000; n++) {
        b2_memory_fail_after(n);
        int status = write_noise(&m, &noise);
        b2_memory_fail_after(-1);
        if (status == BLOSC2_OK) break;
        failures++;
        CHECK(status == BLOSC2_E_MEMORY);
        CHECK(array_is_right(&m, m.array));
        CHECK(file_is_right(&m));
    }
    CHECK(failures > 1 && failures < 1000);
    caterva_selection inner = {.start = {3, 5}, .count = {45, 50}, .step = {1, 1}};
    plain_copy(&m, &inner, NULL, noise.strides, noise.first);
    CHECK(array_is_right(&m, m.array));
    CHECK(file_is_right(&m));
    free(noise.bytes);
    model_free(&m);
}

#ifndef _WIN32 /* which has no such limit */

/** A disk that is full after some more bytes, by the limit on file sizes. */
static void a_full_disk_leaves_the_array(void)
{
    model m = filled_in(BLOSC2_HOME_FILE, "full");
    memory_box noise = {0};
    struct rlimit unlimited, limit;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &unlimited);
    int failures = 0;
    for (rlim_t bytes = 1000; bytes < 100000; bytes += 1000) {
        limit = unlimited;
        limit.rlim_cur = bytes;
        setrlimit(RLIMIT_FSIZE, &limit);
        int status = write_noise(&m, &noise);
        setrlimit(RLIMIT_FSIZE, &unlimited);
        if (status == BLOSC2_OK) break;
        failures++;
        CHECK(status == BLOSC2_E_IO);
        CHECK(array_is_right(&m, m.array));
        CHECK(file_is_right(&m));
    }
    CHECK(failures > 5);
    caterva_selection inner = {.start = {3, 5}, .count = {45, 50}, .step = {1, 1}};
    plain_copy(&m, &inner, NULL, noise.strides, noise.first);
    CHECK(array_is_right(&m, m.array));
    CHECK(file_is_right(&m));
    free(noise.bytes);
    model_free(&m);
}

#endif

static void a_rollback_undoes_all_writes(blosc2_home home)
{
    model m = filled_in(home, "rollback");
    uint8_t *before = need(malloc(m.plain_bytes)), *after = need(malloc(m.plain_bytes));
    memcpy(before, m.plain, m.plain_bytes);
    CHECK_OK(caterva_array_begin(m.array));
    for (int i = 0; i < 3; i++) model_write(&m);
    CHECK(array_is_right(&m, m.array)); /* own writes are seen */
    memcpy(after, m.plain, m.plain_bytes);
    memcpy(m.plain, before, m.plain_bytes);
    CHECK(file_is_right(&m)); /* by nobody else */
    caterva_array_rollback(m.array);
    CHECK(array_is_right(&m, m.array));
    CHECK(file_is_right(&m));
    model_write(&m);
    CHECK(file_is_right(&m));
    free(before);
    free(after);
    model_free(&m);
}

static void many_writes_are_one_commit(blosc2_home home)
{
    model m = filled_in(home, "commit");
    CHECK_OK(caterva_array_begin(m.array));
    CHECK(caterva_array_begin(m.array) == BLOSC2_E_ARGUMENT);
    for (int i = 0; i < 5; i++) model_write(&m);
    CHECK_OK(caterva_array_commit(m.array));
    CHECK(array_is_right(&m, m.array));
    CHECK(file_is_right(&m));
    CHECK(caterva_array_commit(m.array) == BLOSC2_E_ARGUMENT);
    model_free(&m);
}

/** Half of a write must not get into a commit, even if the caller goes on. */
static void a_failed_write_bars_the_commit(blosc2_home home)
{
    model m = filled_in(home, "barred");
    memory_box noise = {0};
    int failures = 0;
    for (int64_t n = 0; n < 1000; n++) {
        CHECK_OK(caterva_array_begin(m.array));
        b2_memory_fail_after(n);
        int status = write_noise(&m, &noise);
        b2_memory_fail_after(-1);
        if (status == BLOSC2_OK) break;
        failures++;
        CHECK(caterva_array_commit(m.array) == BLOSC2_E_ARGUMENT);
        CHECK(array_is_right(&m, m.array));
        CHECK(file_is_right(&m));
    }
    CHECK(failures > 1 && failures < 1000);
    caterva_array_rollback(m.array);
    model_write(&m);
    CHECK(array_is_right(&m, m.array));
    CHECK(file_is_right(&m));
    free(noise.bytes);
    model_free(&m);
}

static void layers_are_set_and_deleted(blosc2_home home)
{
    blosc2_metalayer fixed = {"mine", (const uint8_t *)"12345", 5};
    caterva_options options = {
        .geometry = {.ndim = 1, .item_bytes = 1, .shape = {9}, .chunks = {4}, .blocks = {2}},
        .cparams = blosc2_cparams_default(1),
        .metalayers = &fixed,
        .metalayer_count = 1,
        .home = home,
        .threads = 1};
    snprintf(path, sizeof path, "%s/layers-%d", directory, (int)home);
    if (home >= BLOSC2_HOME_FILE) options.path = path;
    model m = model_filled(&options);
    const blosc2_schunk *schunk = caterva_array_schunk(m.array);
    CHECK(blosc2_schunk_find_layer(schunk, BLOSC2_LAYER_FIXED, "caterva") == 0);
    CHECK(blosc2_schunk_find_layer(schunk, BLOSC2_LAYER_FIXED, "b2nd") == 1);
    CHECK(blosc2_schunk_find_layer(schunk, BLOSC2_LAYER_FIXED, "mine") == 2);
    fixed.content = (const uint8_t *)"abcde";
    CHECK_OK(caterva_array_set_layer(m.array, BLOSC2_LAYER_FIXED, &fixed));
    fixed.name = "other";
    CHECK(caterva_array_set_layer(m.array, BLOSC2_LAYER_FIXED, &fixed) < 0);
    fixed.name = "b2nd";
    CHECK(caterva_array_set_layer(m.array, BLOSC2_LAYER_FIXED, &fixed) == BLOSC2_E_ARGUMENT);
    fixed.name = "caterva_fill";
    CHECK(caterva_array_set_layer(m.array, BLOSC2_LAYER_VARIABLE, &fixed) == BLOSC2_E_ARGUMENT);
    CHECK(caterva_array_delete_layer(m.array, "caterva_fill") == BLOSC2_E_ARGUMENT);
    fixed.name = "free";
    CHECK_OK(caterva_array_set_layer(m.array, BLOSC2_LAYER_VARIABLE, &fixed));
    CHECK(blosc2_schunk_find_layer(schunk, BLOSC2_LAYER_VARIABLE, "free") == 0);
    CHECK_OK(caterva_array_delete_layer(m.array, "free"));
    CHECK(caterva_array_delete_layer(m.array, "free") == BLOSC2_E_NOT_FOUND);
    CHECK(array_is_right(&m, m.array));
    CHECK(file_is_right(&m));
    model_free(&m);
}

static void several_layers_are_set_as_one_change(void)
{
    caterva_options options = {
        .geometry = {.ndim = 1, .item_bytes = 1, .shape = {9}, .chunks = {4}, .blocks = {2}},
        .cparams = blosc2_cparams_default(1),
        .threads = 1};
    model m = model_filled(&options);
    const blosc2_schunk *schunk = caterva_array_schunk(m.array);
    const uint8_t *content = (const uint8_t *)"abc";
    const blosc2_metalayer both[] = {{"a", content, 3}, {"b", content, 0}};
    const blosc2_metalayer half[] = {{"c", content, 3}, {.name = "absent"}};
    const blosc2_metalayer gone[] = {{.name = "a"}, {"b", content, 2}};
    CHECK_OK(caterva_array_set_layers(m.array, BLOSC2_LAYER_VARIABLE, both, 2));
    CHECK(blosc2_schunk_layer_count(schunk, BLOSC2_LAYER_VARIABLE) == 2);
    CHECK(caterva_array_set_layers(m.array, BLOSC2_LAYER_VARIABLE, half, 2) == BLOSC2_E_NOT_FOUND);
    CHECK(blosc2_schunk_layer_count(schunk, BLOSC2_LAYER_VARIABLE) == 2);
    CHECK(caterva_array_set_layers(m.array, BLOSC2_LAYER_FIXED, gone, 1) == BLOSC2_E_ARGUMENT);
    CHECK_OK(caterva_array_set_layers(m.array, BLOSC2_LAYER_VARIABLE, gone, 2));
    CHECK(blosc2_schunk_find_layer(schunk, BLOSC2_LAYER_VARIABLE, "a") < 0);
    /* Of a caller's change half-done work cannot be committed; work that failed at once can. */
    CHECK_OK(caterva_array_begin(m.array));
    CHECK(caterva_array_set_layers(m.array, BLOSC2_LAYER_VARIABLE, half + 1, 1) == BLOSC2_E_NOT_FOUND);
    CHECK_OK(caterva_array_commit(m.array));
    CHECK_OK(caterva_array_begin(m.array));
    CHECK(caterva_array_set_layers(m.array, BLOSC2_LAYER_VARIABLE, half, 2) == BLOSC2_E_NOT_FOUND);
    CHECK(caterva_array_commit(m.array) == BLOSC2_E_ARGUMENT);
    CHECK(blosc2_schunk_find_layer(schunk, BLOSC2_LAYER_VARIABLE, "c") < 0);
    CHECK(array_is_right(&m, m.array));
    model_free(&m);
}

static void users_get_fourteen_layers(void)
{
    blosc2_metalayer layers[16];
    char names[16][16];
    for (int i = 0; i < 16; i++) {
        snprintf(names[i], sizeof names[i], "n%d", i);
        layers[i] = (blosc2_metalayer){names[i], (const uint8_t *)"", 0};
    }
    caterva_options options = {
        .geometry = {.ndim = 1, .item_bytes = 1, .shape = {9}, .chunks = {4}, .blocks = {2}},
        .cparams = blosc2_cparams_default(1),
        .metalayers = layers,
        .metalayer_count = 14,
        .threads = 1};
    caterva_array *array = NULL;
    CHECK_OK(caterva_array_create(&options, &array));
    caterva_array_free(array);
    array = NULL;
    options.metalayer_count = 15;
    CHECK(caterva_array_create(&options, &array) == BLOSC2_E_ARGUMENT && !array);
    CHECK(strstr(blosc2_last_error(), "at most 14"));
    options.geometry.ndim = 0; /* "b2nd" alone */
    CHECK_OK(caterva_array_create(&options, &array));
    caterva_array_free(array);
}

/** Owners of changes that know each other not: each ends its own one. */
static void numbered_changes_are_ended_by_their_owners(blosc2_home home)
{
    model m = filled_in(home, "numbered");
    memory_box noise = {0};
    int64_t first = 0, second = 0;
    CHECK_OK(caterva_array_begin_change(m.array, &first));
    CHECK(caterva_array_begin_change(m.array, &second) == BLOSC2_E_ARGUMENT);
    CHECK_OK(write_noise(&m, &noise));
    caterva_array_rollback_change(m.array, first + 1); /* not there: nothing happens */
    CHECK(!array_is_right(&m, m.array));
    caterva_array_rollback_change(m.array, first);
    CHECK(array_is_right(&m, m.array));
    CHECK(caterva_array_commit_change(m.array, first) == BLOSC2_E_ARGUMENT);

    CHECK_OK(caterva_array_begin_change(m.array, &second));
    CHECK(second > first);
    CHECK(caterva_array_commit_change(m.array, first) == BLOSC2_E_ARGUMENT);
    free(noise.bytes);
    noise.bytes = NULL;
    CHECK_OK(write_noise(&m, &noise));
    caterva_array_abandon(m.array, first); /* is over: the second one stays */
    CHECK(caterva_array_begin(m.array) == BLOSC2_E_ARGUMENT);
    caterva_array_abandon(m.array, second); /* the next call ends it */
    CHECK_OK(caterva_array_flush(m.array));
    CHECK(array_is_right(&m, m.array));
    CHECK(caterva_array_commit_change(m.array, second) == BLOSC2_E_ARGUMENT);
    free(noise.bytes);
    model_free(&m);
}

static void read_only_arrays_refuse_writes(void)
{
    model m = filled_in(BLOSC2_HOME_FILE, "read-only");
    caterva_array_free(m.array);
    m.array = NULL;
    CHECK_OK(caterva_array_open(m.options.path, 0, BLOSC2_READ, &m.array));
    if (!m.array) exit(1);
    memory_box noise = {0};
    CHECK(write_noise(&m, &noise) == BLOSC2_E_READ_ONLY);
    CHECK(caterva_array_begin(m.array) == BLOSC2_E_READ_ONLY);
    CHECK(array_is_right(&m, m.array));
    free(noise.bytes);
    model_free(&m);
}

int main(void)
{
    directory = scratch_directory();
    CHECK_OK(blosc2_init());
    for (int home = BLOSC2_HOME_MEMORY; home <= BLOSC2_HOME_DIRECTORY; home++) {
        every_failed_allocation_leaves_the_array((blosc2_home)home);
        a_rollback_undoes_all_writes((blosc2_home)home);
        many_writes_are_one_commit((blosc2_home)home);
        a_failed_write_bars_the_commit((blosc2_home)home);
        layers_are_set_and_deleted((blosc2_home)home);
        numbered_changes_are_ended_by_their_owners((blosc2_home)home);
    }
#ifndef _WIN32
    a_full_disk_leaves_the_array();
#endif
    several_layers_are_set_as_one_change();
    users_get_fourteen_layers();
    read_only_arrays_refuse_writes();
    scratch_remove(directory);
    return check_result();
}
