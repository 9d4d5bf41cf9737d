/**
 * Each call to the system and each allocation of each change fails in turn: the call says so, what was there
 * is there still, nothing is left over, and the array goes on or refuses to.
 */
#include <errno.h>
#include <inttypes.h>

#include "base/memory.h"
#include "crash.h"

typedef enum failure { FAIL_ONCE, FAIL_FOREVER, FAIL_TORN, FAIL_MEMORY } failure;
static const char *const FAILURES[] = {"one call fails", "the disk is gone", "the disk is gone, amid a write",
                                       "no memory"};
static const int ERRORS[] = {ENOSPC, EIO, EDQUOT};

static int64_t tried, failed;
static int64_t stride; /* of the calls that fail */

/** A place in a scenario where something fails: the n-th call of a step. */
typedef struct place {
    const run *r;
    int step;
    failure kind;
    int64_t n;
} place;

static bool report(const place *at, const char *what)
{
    static int shown;
    if (shown++ < 20)
        fprintf(stderr, "%s, %s, step %d, %s, call %" PRId64 ": %s: %s\n", at->r->scenario->name,
                at->r->place.home == BLOSC2_HOME_FILE ? "file" : "directory", at->step, FAILURES[at->kind],
                at->n, what, blosc2_last_error());
    return false;
}

/* All but lock files, which stay. */
static void count_entry(void *context, const char *name, const uint8_t *bytes, size_t size)
{
    (void)bytes;
    (void)size;
    if (!strstr(name, ".b2lock")) ++*(int *)context;
}

static int count_entries(const b2_io *state)
{
    int count = 0;
    b2_io_recording_each(state, count_entry, &count);
    return count;
}

/** Open the array, if it is to be there, and take the step. */
static int take_step(const place *at, caterva_array **array)
{
    const plain_model *models = at->r->models;
    int status = BLOSC2_OK;
    if (models[at->step - 1].exists) status = caterva_array_open(PATH, 0, BLOSC2_UPDATE, array);
    if (status < 0) return status;
    return array_step(array, &at->r->place, at->r->scenario->steps[at->step - 1], &models[at->step - 1],
                      &models[at->step]);
}

static bool status_is_right(const place *at, int status)
{
    if (at->kind == FAIL_MEMORY) return status == BLOSC2_E_MEMORY || report(at, "not out of memory");
    int expected = at->kind == FAIL_ONCE ? ERRORS[at->n % 3] : EIO;
    return (status == BLOSC2_E_IO && blosc2_last_os_error() == expected) ||
           report(at, "not the system's error");
}

/**
 * The handle, which works again, has what is stored; then it changes that, and the model. Or it refuses to
 * change anything, as after a failed sync, and may have the state before the call, while what the call did is
 * stored.
 */
static bool handle_is_right(const place *at, caterva_array *array, plain_model *stored, bool *refuses)
{
    plain_model after = *stored;
    bool has_stored = model_agrees(stored, array);
    if (!has_stored && !model_agrees(&at->r->models[at->step - 1], array))
        return report(at, "the handle reads something else than is stored");
    model_step(&after, STEP_NOTE, 40);
    *refuses = array_step(&array, &at->r->place, STEP_NOTE, stored, &after) < 0;
    if (*refuses) return true;
    if (!has_stored) return report(at, "the handle changes what it does not know");
    if (!model_agrees(&after, array)) return report(at, "the handle is wrong after the next change");
    *stored = after;
    return model_agrees_at(&after, PATH, BLOSC2_READ) || report(at, "the next change is not stored");
}

/** What is there after a failure. @param array Its handle; NULL if it could not be opened or made. */
static bool state_is_right(const place *at, const b2_io *state, caterva_array *array, int entries)
{
    const plain_model *old = &at->r->models[at->step - 1], *fresh = old + 1;
    int found = state_find(state, at->r->models, at->step - 1, at->step);
    if (found < 0) return report(at, found == STATE_WRONG ? "wrong" : "unreadable");
    bool is_old = found < at->step || memcmp(old, fresh, sizeof *old) == 0;
    if (at->kind == FAIL_MEMORY && !is_old) return report(at, "it has failed, and is stored");
    /* Removing the files of a directory takes memory, for their names. */
    bool cleans = at->kind == FAIL_ONCE || (at->kind == FAIL_MEMORY && at->r->place.home == BLOSC2_HOME_FILE);
    bool is_left_over = cleans && is_old && count_entries(state) > entries, refuses = false;
    plain_model stored = is_old ? *old : *fresh, after;
    b2_schunk_use_io(state);
    bool right = !array || at->kind == FAIL_FOREVER || at->kind == FAIL_TORN ||
                 handle_is_right(at, array, &stored, &refuses);
    b2_schunk_use_io(NULL);
    if (is_left_over && !refuses) return report(at, "something is left over");
    return right &&
           (state_goes_on(state, &at->r->place, &stored, &after) || report(at, "a writer cannot go on"));
}

/** @return Whether the step failed: there are so many calls. */
static bool fail_at(const place *at)
{
    b2_io *state, *failing;
    caterva_array *array = NULL;
    CHECK_OK(b2_io_recording_replay(at->r->io, at->r->ends[at->step - 1], NULL, &state));
    CHECK_OK(b2_io_failing_create(state, at->kind == FAIL_MEMORY ? -1 : at->n, &failing));
    if (at->kind == FAIL_ONCE) b2_io_failing_once(failing, ERRORS[at->n % 3]);
    if (at->kind == FAIL_TORN) b2_io_failing_tear(failing);
    int entries = count_entries(state);
    b2_schunk_use_io(failing);
    if (at->kind == FAIL_MEMORY) b2_memory_fail_after(at->n);
    int status = take_step(at, &array);
    b2_memory_fail_after(-1);
    b2_schunk_use_io(NULL);
    bool right = status == BLOSC2_OK || status_is_right(at, status);
    if (status < 0 &&
        !at->r->models[at->step - 1].exists) { /* the disk is still as it was: nothing is removed */
        caterva_array_free(array);
        array = NULL;
    }
    b2_io_failing_heal(failing);
    if (status < 0)
        right = right && state_is_right(at, state, array, entries);
    else
        right = model_agrees(&at->r->models[at->step], array) || report(at, "it has passed, and is wrong");
    failed += !right;
    tried += status < 0;
    caterva_array_free(array);
    b2_io_failing_free(failing);
    b2_io_recording_free(state);
    return status < 0;
}

static void fail_everywhere(const run *r, failure kind)
{
    for (int step = 1; step <= r->step_count; step++) {
        place at = {.r = r, .step = step, .kind = kind, .n = step % stride};
        int64_t failures = 0, passed = 0;
        /* A step may do without what failed (tidying up): all its calls are seen when some in turn pass. */
        for (; passed < 24 / stride && at.n < 3000; at.n += stride) {
            bool step_failed = fail_at(&at);
            failures += step_failed;
            passed = step_failed ? 0 : passed + 1;
        }
        CHECK((failures > 0 || stride > 1) && at.n < 3000);
    }
}

int main(void)
{
    const char *profile = getenv("CATERVA_TEST_PROFILE");
    stride = !profile ? 5 : !strcmp(profile, "quick") ? 11 : !strcmp(profile, "long") ? 1 : 5;
    CHECK_OK(blosc2_init());
    for (int kind = FAIL_ONCE; kind <= FAIL_MEMORY; kind++) {
        tried = failed = 0;
        for (int i = 0; i < SCENARIO_COUNT; i++)
            for (int home = BLOSC2_HOME_FILE; home <= BLOSC2_HOME_DIRECTORY; home++) {
                /* Calls fail where they are most: with syncs. */
                blosc2_durability durability =
                    kind == FAIL_MEMORY ? BLOSC2_DURABILITY_ORDER : BLOSC2_DURABILITY_FSYNC;
                run r = run_make(&SCENARIOS[i], (blosc2_home)home, durability);
                fail_everywhere(&r, (failure)kind);
                run_free(&r);
            }
        printf("%s: %" PRId64 " failures, %" PRId64 " not as they should be\n", FAILURES[kind], tried,
               failed);
        CHECK(tried > 100 && failed == 0);
    }
    return check_result();
}
