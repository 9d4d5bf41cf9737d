/**
 * Damage, then life goes on: arrays whose files get up to three flipped bits, or lose their end, and are then
 * opened, read, changed, flushed, compacted and verified as any other. Always: an exception or the right
 * value; what is intact stays readable; what was flushed never becomes something older; opening writes
 * nothing. A value with a warning is right too where that names what is not verified.
 *
 *     lives [START COUNT] [--strict] [--table]    lives of the seeds START, START + 1, ...
 *     lives --replay SEED [--strict]              one of them, step by step
 *
 * --strict: metadata are stored twice, so that one flipped bit of them costs nothing.
 */
#include "operate.h"

#include "holds.h"
#include "schunk/frame_store.h"

enum { STEPS = 25, STEPS_BEFORE = 8 };

static int64_t meetings[REGIONS][OPERATIONS];
static int64_t damaged;

/* ------------------------------------------------------------------ birth */

static caterva_geometry birth_geometry(bool is_large)
{
    static const int32_t sizes[] = {1, 2, 4, 4, 8, 16};
    caterva_geometry g = {.ndim = (int)random_in(1, 3), .item_bytes = sizes[random_in(0, 5)]};
    if (is_large)
        return (caterva_geometry){
            .ndim = 2, .item_bytes = 8, .shape = {8, 16384}, .chunks = {1, 16384}, .blocks = {1, 2048}};
    int64_t most = g.ndim == 1 ? 400 : g.ndim == 2 ? 28 : 10;
    for (int d = 0; d < g.ndim; d++) {
        g.shape[d] = random_in(random_in(0, 40) ? 1 : 0, most);
        int64_t extent = g.shape[d] ? g.shape[d] : 4;
        int64_t chunks = random_in(1, g.ndim == 1 ? 8 : g.ndim == 2 ? 4 : 3);
        g.chunks[d] = (int32_t)((extent + chunks - 1) / chunks);
        g.blocks[d] = (int32_t)random_in((g.chunks[d] + 3) / 4, g.chunks[d]);
    }
    return g;
}

static void birth_options(life *l)
{
    bool is_large = random_in(0, 499) == 0;
    l->home = random_in(0, 2) ? BLOSC2_HOME_FILE : BLOSC2_HOME_DIRECTORY;
    l->options = (caterva_options){
        .geometry = birth_geometry(is_large),
        .dtype = "|V1",
        .home = l->home,
        .path = ARRAY_PATH,
        .safety = {.durability = (blosc2_durability)random_in(0, 1),
                   .checksums = random_in(0, 9) == 0 ? BLOSC2_CHECKSUMS_OFF : BLOSC2_CHECKSUMS_ON},
        .fill = random_in(0, 1) ? CATERVA_FILL_VALUE : CATERVA_FILL_ZEROS,
        .threads = 1};
    blosc2_cparams *cparams = &l->options.cparams;
    *cparams = random_cparams(l->options.geometry.item_bytes);
    bool has_dictionaries =
        cparams->codec == BLOSC2_LZ4 || cparams->codec == BLOSC2_LZ4HC || cparams->codec == BLOSC2_ZSTD;
    cparams->use_dict = has_dictionaries && cparams->clevel && random_in(0, 7) == 0;
    if (cparams->codec == BLOSC2_ZSTD && cparams->clevel > 5) cparams->clevel = 5; /* it takes its time */
}

static void be_born(life *l)
{
    static uint8_t contents[NOTES_MAX][NOTE_BYTES_MAX];
    blosc2_metalayer notes[NOTES_MAX];
    truth *t = &l->now;
    birth_options(l);
    t->geometry = l->options.geometry;
    for (size_t i = 0; i < sizeof t->fill; i++)
        t->fill[i] = l->options.fill == CATERVA_FILL_VALUE ? (uint8_t)(i * 7 + 1) : 0;
    l->options.fill_value = l->options.fill == CATERVA_FILL_VALUE ? t->fill : NULL;
    truth_allocate(t);
    for (int64_t i = 0; i < t->item_count; i++)
        memcpy(t->items + i * t->geometry.item_bytes, t->fill, (size_t)t->geometry.item_bytes);
    for (int i = 0; i < LAYERS_MAX; i++) t->layers[i].bytes = -1;
    for (int i = 0; i < NOTES_MAX; i++) {
        t->notes[i] = (layer_truth){(int32_t)random_in(-1, NOTE_BYTES_MAX), (uint32_t)random_u64()};
        if (t->notes[i].bytes < 0) continue;
        memcpy(contents[i], layer_content(&t->notes[i]), (size_t)t->notes[i].bytes);
        notes[l->options.metalayer_count++] =
            (blosc2_metalayer){note_name(i), contents[i], t->notes[i].bytes};
    }
    l->options.metalayers = notes;
    l->is_sealed = l->options.safety.checksums == BLOSC2_CHECKSUMS_ON;
    l->writer.safety = l->options.safety;
    CHECK_OK(caterva_array_create(&l->options, &l->writer.array));
    l->options.metalayers = NULL;
    l->options.metalayer_count = 0;
    if (!l->writer.array) exit(1);
    caterva_selection all = whole(&t->geometry);
    bool unused;
    if (random_in(0, 9)) CHECK_OK(write_selection(l, t, &all, &unused));
    CHECK_OK(caterva_array_commit(l->writer.array));
    describe_handle(l, &l->writer, t);
    l->writer.committed = true;
    CHECK_OK(caterva_array_flush(l->writer.array));
}

/* ------------------------------------------------------------------ life */

static void note_meetings(const life *l, operation what)
{
    for (int i = 0; i < REGIONS; i++) meetings[i][what] += l->regions[i];
}

static void take_step(life *l, int number, operation what)
{
    snprintf(l->step, sizeof l->step, "step %d, %s", number, OP_NAMES[what]);
    tell(l, "%s", l->step);
    note_meetings(l, what);
    operate(l, what);
}

/* Nobody was hurt yet: all works. */
static void grow_up(life *l)
{
    int count = (int)random_in(0, STEPS_BEFORE);
    for (int i = 0; i < count && !l->is_over; i++) {
        operation what = l->writer.array ? (operation)random_in(0, OP_VERIFY) : OP_OPEN;
        if (random_in(0, 7) == 0 && l->writer.array) what = OP_CLOSE;
        take_step(l, i - count, what);
    }
    if (l->is_over) return;
    snprintf(l->step, sizeof l->step, "before damage");
    int ending = (int)random_in(0, 9);
    if (ending < 6)
        close_writer(l);
    else if (ending == 6 && l->writer.array)
        take_step(l, 0, OP_DROP);
    if (random_in(0, 3) == 0 && !l->is_over) take_step(l, 0, OP_READER_OPENS);
}

static void be_hurt(life *l)
{
    if (l->is_over || random_in(0, 9) == 0) return; /* later, if at all */
    int kind = (int)random_in(0, 19);
    snprintf(l->step, sizeof l->step, "damage");
    tell(l, "damage");
    do_damage(l, kind == 0 ? 0 : (int)random_in(1, FLIPS_MAX), kind < 2);
}

/* What is left is seen by somebody new. */
static void end(life *l)
{
    snprintf(l->step, sizeof l->step, "the end");
    tell(l, "the end");
    if (l->reader.array) close_reader(l);
    if (l->writer.array) close_writer(l);
    if (!l->is_over) open_reader(l);
    if (!l->is_over && l->reader.array) {
        do_verify(l, &l->reader, &l->seen, l->is_cut || l->reader_is_behind);
        close_reader(l);
    }
}

/** One life. @return What went wrong; "": nothing. It stays until the next one. */
static const char *live(uint64_t seed, bool is_strict, bool tells)
{
    static life l;
    l = (life){.seed = seed, .is_strict = is_strict, .tells = tells};
    random_state = (seed + 1) * 0x9e3779b97f4a7c15u;
    for (int i = 0; i < 4; i++) random_u64();
    l.io = holds_create();
    b2_schunk_use_io(l.io);
    b2_frame_leave_dead(seed % 3 ? 0 : B2_FRAME_DEAD_LEFT); /* small files use their space again, too */
    be_born(&l);
    if (tells)
        printf("%s, %d axes, items of %d bytes, %s, %s, codec %d level %d\n",
               l.home == BLOSC2_HOME_FILE ? "file" : "directory", l.now.geometry.ndim,
               l.now.geometry.item_bytes, l.is_sealed ? "sealed" : "unsealed",
               l.writer.safety.durability == BLOSC2_DURABILITY_FSYNC ? "fsync" : "order",
               l.options.cparams.codec, l.options.cparams.clevel);
    grow_up(&l);
    be_hurt(&l);
    damaged += l.flip_count > 0 || l.is_cut;
    for (int i = 1; i <= STEPS && !l.is_over; i++) take_step(&l, i, random_operation(&l));
    if (!l.is_over) end(&l);
    caterva_array_free(l.reader.array);
    caterva_array_free(l.writer.array);
    truth_free(&l.seen);
    truth_free(&l.now);
    truth_free(&l.later);
    forget_past(&l);
    free(l.cut_bytes);
    b2_schunk_use_io(NULL);
    b2_io_recording_free(l.io);
    return l.finding;
}

/* ------------------------------------------------------------------ main */

static void print_table(void)
{
    printf("%-12s", "");
    for (int op = 0; op < OPERATIONS; op++) printf(" %9s", OP_NAMES[op]);
    for (int kind = 0; kind < REGIONS; kind++) {
        printf("\n%-12s", REGION_NAMES[kind]);
        for (int op = 0; op < OPERATIONS; op++) printf(" %9" PRId64, meetings[kind][op]);
    }
    printf("\n");
}

/** Every region met every operation. */
static void check_meetings(void)
{
    for (int kind = 0; kind < REGIONS; kind++)
        for (int op = 0; op < OPERATIONS; op++)
            if (op != OP_DAMAGE) CHECK(meetings[kind][op] > 0);
}

int main(int argc, char **argv)
{
    enum { SHOWN = 20, ENOUGH = 5000 };
    const char *profile = getenv("CATERVA_TEST_PROFILE");
    bool is_quick = profile && strcmp(profile, "quick") == 0; /* as on emulated machines */
    uint64_t numbers[2] = {0, is_quick ? 1000 : 10000};
    int number_count = 0;
    bool is_strict = false, replays = false, has_table = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--strict") == 0)
            is_strict = true;
        else if (strcmp(argv[i], "--replay") == 0)
            replays = true;
        else if (strcmp(argv[i], "--table") == 0)
            has_table = true;
        else if (number_count < 2)
            numbers[number_count++] = strtoull(argv[i], NULL, 10);
    }
    CHECK_OK(blosc2_init());
    if (replays) numbers[1] = 1;
    int64_t wrong = 0;
    for (uint64_t i = 0; i < numbers[1]; i++) {
        const char *finding = live(numbers[0] + i, is_strict, replays);
        CHECK(finding[0] == '\0');
        if (finding[0] && wrong++ < SHOWN)
            fprintf(stderr, "lives --replay %" PRIu64 "%s: %s\n", numbers[0] + i,
                    is_strict ? " --strict" : "", finding);
    }
    if (has_table || !replays) print_table();
    printf("%" PRIu64 " lives, %" PRId64 " damaged: %" PRId64 " wrong\n", numbers[1], damaged, wrong);
    if (numbers[1] >= ENOUGH) check_meetings();
    return check_result();
}
