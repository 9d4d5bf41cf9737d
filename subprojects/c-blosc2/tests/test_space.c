/** The map of free space against a byte-by-byte model: nothing in use is given away, nothing free is
 * forgotten. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "check.h"
#include "schunk/space.h"

enum { BYTES = 4000, EXTENTS = 64, READERS = 3, FRONT = 12 /* kept for something else */ };

/* What each byte is, at the time that the model needs it. */
typedef struct model {
    b2_space space;
    char committed[BYTES]; /* 1: in use by the committed state */
    char kept[BYTES];      /* 1: for something else */
    char open[BYTES];      /* 1: in use by the open change; 2: given back by it */
    struct {
        int64_t start, bytes;
        int born; /* by the open change */
    } live[EXTENTS];
    int count;
    int64_t died[BYTES]; /* commit that made the byte dead; -1: it is not, or no state had it */
    char starts[BYTES];  /* 1: after a power cut an old chunk may begin there */
    int loses;           /* some of what dies nobody tells the map of */
    int64_t commits, synced;
    struct {
        char bytes[BYTES]; /* as `committed` was */
        int is_held;
    } readers[READERS];
} model;

static uint32_t seed = 1;

static int random_below(int limit)
{
    seed = seed * 1664525u + 1013904223u;
    return (int)((seed >> 8) % (uint32_t)limit);
}

static void check_unused(const model *m, int64_t start, int64_t bytes)
{
    CHECK(start >= 0 && start + bytes <= BYTES);
    for (int64_t i = start; i < start + bytes; i++) {
        CHECK(!m->committed[i] && m->open[i] != 1 && !m->kept[i]);
        for (int r = 0; r < READERS; r++) CHECK(!m->readers[r].is_held || !m->readers[r].bytes[i]);
        if (m->open[i] == 2) CHECK(m->space.has_rewritten || m->space.is_tagged);
        if (m->died[i] < 0) continue;
        CHECK(m->died[i] < m->commits && m->died[i] <= m->synced); /* for a commit, and that on the medium */
    }
}

static void take(model *m)
{
    int64_t bytes = 1 + random_below(40), start = 0;
    if (m->count == EXTENTS || m->space.end + bytes > BYTES) return;
    int64_t low = random_below(4) ? 0 : random_below(300), end = m->space.end;
    CHECK_OK(low ? b2_space_take_from(&m->space, low, bytes, &start)
                 : b2_space_take(&m->space, bytes, &start));
    if (start + bytes > BYTES) abort();
    CHECK(start >= low);
    check_unused(m, start, bytes);
    if (m->starts[start] && !m->space.is_tagged) CHECK(m->space.has_rewritten);
    memset(m->starts + start, 0, (size_t)bytes);
    m->starts[start] = 1;
    for (int64_t at = end; at < start; at++) /* a hole */
        if (!m->kept[at]) m->open[at] = 2;
    memset(m->open + start, 1, (size_t)bytes);
    m->live[m->count].start = start;
    m->live[m->count].bytes = bytes;
    m->live[m->count++].born = 1;
}

static void forget(model *m, int at)
{
    m->live[at] = m->live[--m->count];
}

static void make_dead(model *m, int64_t start, int64_t bytes)
{
    for (int64_t at = start; at < start + bytes; at++) m->died[at] = m->commits;
}

/* Readers open the committed state, keep it for some changes, and go. */
static void come_and_go(model *m)
{
    for (int r = 0; r < READERS; r++) {
        if (random_below(4)) continue;
        m->readers[r].is_held = !m->readers[r].is_held;
        memcpy(m->readers[r].bytes, m->committed, BYTES);
    }
}

static void find_needed(const model *m, b2_extents *needed)
{
    for (int r = 0; r < READERS; r++)
        for (int64_t at = 0; at < BYTES && m->readers[r].is_held; at++)
            if (m->readers[r].bytes[at])
                CHECK(b2_extents_add(needed, (b2_extent){.start = at, .stop = at + 1}));
    b2_extents_unite(needed);
    for (int64_t i = 1; i < needed->count; i++) CHECK(needed->items[i - 1].stop < needed->items[i].start);
}

static int is_needed(const model *m, int64_t at)
{
    for (int r = 0; r < READERS; r++)
        if (m->readers[r].is_held && m->readers[r].bytes[at]) return 1;
    return 0;
}

static int is_listed(const b2_extents *list, int64_t at)
{
    for (int64_t i = 0; i < list->count; i++)
        if (list->items[i].start <= at && at < list->items[i].stop) return 1;
    return 0;
}

/* As those who use the map do before they settle. */
static void wipe(model *m)
{
    for (int64_t i = 0; i < m->space.ripe.count; i++) {
        const b2_extent *extent = &m->space.ripe.items[i];
        int64_t bytes = extent->starts == B2_STARTS_FIRST ? 1 : extent->stop - extent->start;
        if (extent->starts != B2_STARTS_OTHERS) memset(m->starts + extent->start, 0, (size_t)bytes);
    }
}

/* All that is ripe and that no reader needs is free afterwards: nothing is forgotten. */
static void settle(model *m)
{
    b2_extents needed = {0};
    if (random_below(2)) {
        b2_space_synced(&m->space);
        m->synced = m->commits;
    }
    if (random_below(3) == 0) return;
    find_needed(m, &needed);
    b2_space_ripen(&m->space, &needed);
    if (random_below(4)) {
        wipe(m);
        b2_space_settle(&m->space);
    }
    b2_extents_free(&needed);
    int64_t dead = 0;
    for (int64_t at = 0; at < m->space.end; at++) {
        int is_dead = is_listed(&m->space.dead, at);
        dead += is_dead + is_listed(&m->space.ripe, at);
        if (!is_dead) continue;
        CHECK(!m->committed[at]);
        bool is_late = m->died[at] >= m->commits || m->died[at] > m->synced;
        CHECK(is_needed(m, at) || is_late || m->loses);
    }
    CHECK(dead == m->space.dead_bytes);
}

/* Bytes that are dead, or free, already. */
static void bury_twice(model *m)
{
    int64_t start = random_below((int)m->space.end), stop = start;
    while (stop < m->space.end && !m->committed[stop] && !m->kept[stop]) stop++;
    b2_extent extent = {.start = start, .stop = stop, .starts = B2_STARTS_OTHERS};
    if (stop > start) b2_space_bury(&m->space, extent);
}

/* Each byte is in use, free, or dead, and one of these alone, whatever the map was told. */
static void account(model *m)
{
    b2_extents live = {0};
    for (int i = 0; i < m->count; i++) {
        b2_extent extent = {.start = m->live[i].start, .stop = m->live[i].start + m->live[i].bytes};
        CHECK(b2_extents_add(&live, extent));
        if (random_below(20) == 0) b2_space_bury(&m->space, extent); /* which is not so */
    }
    b2_extents_sort(&live);
    if (random_below(20) == 0) b2_space_bury(&m->space, (b2_extent){.start = 2, .stop = FRONT});
    if (random_below(4) == 0) bury_twice(m);
    if (random_below(20) == 0 && m->space.kept_stop)
        b2_space_bury(&m->space, (b2_extent){.start = m->space.kept_start, .stop = m->space.kept_stop - 5});
    CHECK(b2_space_account(&m->space, FRONT, m->space.end, &live, m->commits));
    b2_extents_free(&live);
    for (int64_t at = 0; at < m->space.end; at++) {
        int uses = m->committed[at] || m->kept[at];
        uses += is_listed(&m->space.free.list, at) + is_listed(&m->space.dead, at);
        uses += is_listed(&m->space.ripe, at);
        CHECK(uses == 1);
    }
}

/* Written, and not needed: the change may take it again, and when it is committed it is free or dead. */
static void give_back(model *m, int at)
{
    b2_space_give_back(&m->space, m->live[at].start, m->live[at].bytes);
    memset(m->open + m->live[at].start, 2, (size_t)m->live[at].bytes);
    forget(m, at);
    int64_t bytes = 0;
    for (int64_t i = 0; i < m->space.end; i++) bytes += m->open[i] == 2;
    CHECK(m->space.spare_bytes == bytes);
}

/* One change: some extents taken, some of these given back, some committed ones dropped; then an end. */
static void change(model *m)
{
    int dropped[EXTENTS], drops = 0;
    come_and_go(m);
    if (m->loses && random_below(4) == 0) account(m);
    settle(m);
    m->space.frozen = random_below(10) == 0;
    m->space.spare_left = random_below(3) ? 0 : 50;
    for (int rounds = random_below(3); rounds >= 0; rounds--) {
        for (int i = random_below(6); i >= 0; i--) take(m);
        for (int i = m->count - 1; i >= 0; i--)
            if (m->live[i].born && random_below(3) == 0) give_back(m, i);
    }
    for (int i = 0; i < m->count; i++)
        if (!m->live[i].born && random_below(4) == 0) dropped[drops++] = i;
    if (random_below(4) == 0) {
        int64_t end = m->space.committed_end; /* behind it all is cut off */
        b2_space_rollback(&m->space);
        for (int i = m->count - 1; i >= 0; i--)
            if (m->live[i].born) forget(m, i);
        for (int64_t at = 0; at < end; at++)
            if (m->open[at]) m->died[at] = -1; /* no state had it */
        memset(m->open, 0, sizeof m->open);
        memset(m->starts + end, 0, (size_t)(BYTES - end)); /* the next commit is synced: frame_rollback() */
        return;
    }
    b2_space_commit(&m->space);
    m->commits++;
    for (int i = 0; i < m->count; i++) {
        if (m->live[i].born) memset(m->committed + m->live[i].start, 1, (size_t)m->live[i].bytes);
        for (int64_t at = m->live[i].start; m->live[i].born && at < m->live[i].start + m->live[i].bytes; at++)
            m->died[at] = -1;
        m->live[i].born = 0;
    }
    for (int64_t at = 0; at < BYTES; at++) {
        if (m->open[at] != 2) continue;
        m->died[at] = -1; /* no state had it */
    }
    memset(m->open, 0, sizeof m->open);
    while (drops > 0) {
        int i = dropped[--drops];
        int64_t start = m->live[i].start, bytes = m->live[i].bytes;
        if (!m->loses || random_below(2))
            b2_space_bury(&m->space, (b2_extent){.start = start, .stop = start + bytes});
        memset(m->committed + start, 0, (size_t)bytes);
        make_dead(m, start, bytes);
        forget(m, i);
    }
    if (random_below(3) == 0) {
        b2_space_synced(&m->space);
        m->synced = m->commits;
    }
}

static void check_lists(const model *m)
{
    const b2_extents *list = &m->space.free.list;
    for (int64_t i = 0; i < list->count; i++) {
        bool is_last = list->items[i].stop == m->space.end; /* it moves the end, once it is wiped */
        CHECK(list->items[i].start < list->items[i].stop && list->items[i].stop <= m->space.end);
        CHECK(!is_last || m->space.unwiped.count > 0);
        if (i) CHECK(list->items[i - 1].stop < list->items[i].start); /* neighbours are one */
    }
}

static void every_change_gets_unused_bytes(void)
{
    for (int round = 0; round < 300; round++) {
        model m = {0};
        memset(m.died, -1, sizeof m.died);
        b2_space_init(&m.space, FRONT);
        memset(m.kept, 1, FRONT);
        m.space.is_tagged = round % 3 == 0;
        m.loses = round % 5 < 2;
        if (round % 2) {
            b2_space_keep(&m.space, 100 + round, 140 + round);
            memset(m.kept + 100 + round, 1, 40);
        }
        for (int i = 0; i < 60; i++) {
            change(&m);
            check_lists(&m);
        }
        b2_space_free(&m.space);
    }
}

static void ripen_and_settle(b2_space *space)
{
    const b2_extents none = {0};
    b2_space_ripen(space, &none);
    b2_space_settle(space);
}

/* Updates of equal size go round in the space of three states. */
static void space_does_not_grow_with_updates(void)
{
    b2_space space;
    int64_t place = 0, old = -1;
    b2_space_init(&space, 100);
    for (int i = 0; i < 1000; i++) {
        ripen_and_settle(&space);
        CHECK_OK(b2_space_take(&space, 50, &place));
        b2_space_commit(&space);
        if (old >= 0) b2_space_bury(&space, (b2_extent){.start = old, .stop = old + 50});
        b2_space_synced(&space);
        old = place;
    }
    CHECK(space.end <= 100 + 3 * 50);
    b2_space_free(&space);
}

/* As an array in a transaction: each of its chunks written anew many times; and as one that grows by rows. */
static void a_change_goes_round_in_its_own_space(void)
{
    enum { CHUNKS = 20, TURNS = 100, LARGEST = 60 };
    int64_t place[CHUNKS] = {0}, bytes[CHUNKS] = {0};
    b2_space space;
    b2_space_init(&space, 1000);
    space.frozen = true; /* somebody reads what is below */
    for (int turn = 0; turn < TURNS; turn++) {
        for (int i = 0; i < CHUNKS; i++) {
            int64_t now = LARGEST - random_below(30), start = 0;
            CHECK_OK(b2_space_take(&space, now, &start));
            if (turn) b2_space_give_back(&space, place[i], bytes[i]);
            place[i] = start;
            bytes[i] = now;
        }
    }
    CHECK(space.end <= 1000 + 2 * (CHUNKS + 1) * LARGEST);
    b2_space_rollback(&space);
    CHECK(space.end == 1000 && space.dead_bytes == 0 && space.spare_bytes == 0);
    int64_t last = -1, last_bytes = 0;
    for (int now = 1; now <= 3000; now++) {
        int64_t start = 0;
        CHECK_OK(b2_space_take(&space, now, &start));
        if (last >= 0) b2_space_give_back(&space, last, last_bytes);
        last = start;
        last_bytes = now;
    }
    CHECK(space.end <= 1000 + 4 * 3000);
    b2_space_free(&space);
}

static void without_syncs_nothing_is_used_again(void)
{
    b2_space space;
    int64_t place = 0;
    b2_space_init(&space, 0);
    for (int i = 0; i < 10; i++) {
        ripen_and_settle(&space);
        CHECK_OK(b2_space_take(&space, 10, &place));
        CHECK(place == 10 * i);
        b2_space_commit(&space);
        b2_space_bury(&space, (b2_extent){.start = place, .stop = place + 10});
    }
    CHECK(space.dead_bytes == 100 && b2_space_free_bytes(&space) == 0);
    b2_space_claim(&space, 35, 30);
    CHECK(space.dead_bytes == 70);
    b2_space_free(&space);
}

static void short_memory_loses_space_and_nothing_else(void)
{
    for (int64_t n = 0; n < 12; n++) {
        b2_space space;
        int64_t start = 0;
        b2_space_init(&space, 0);
        b2_memory_fail_after(n);
        for (int i = 0; i < 6; i++) {
            ripen_and_settle(&space);
            int status = b2_space_take(&space, 10, &start);
            CHECK(status == BLOSC2_OK || status == BLOSC2_E_MEMORY);
            b2_space_commit(&space);
            if (status == BLOSC2_OK) b2_space_bury(&space, (b2_extent){.start = start, .stop = start + 10});
            b2_space_synced(&space);
        }
        b2_memory_fail_after(-1);
        b2_space_free(&space);
    }
}

int main(void)
{
    every_change_gets_unused_bytes();
    space_does_not_grow_with_updates();
    a_change_goes_round_in_its_own_space();
    without_syncs_nothing_is_used_again();
    short_memory_loses_space_and_nothing_else();
    return check_result();
}
