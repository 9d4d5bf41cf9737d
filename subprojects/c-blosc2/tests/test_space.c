/** The map of free space against a byte-by-byte model: nothing in use is given away, nothing free is
 * forgotten. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "check.h"
#include "schunk/space.h"

enum { BYTES = 4000, EXTENTS = 64 };

/* What each byte is, at the time that the model needs it. */
typedef struct model {
    b2_space space;
    char committed[BYTES]; /* 1: in use by the committed state */
    char open[BYTES];      /* 1: in use by the open change */
    struct {
        int64_t start, bytes;
        int born; /* by the open change */
    } live[EXTENTS];
    int count;
    int64_t died[BYTES];  /* commit that made the byte dead; -1: it is not */
    int64_t wiped[BYTES]; /* number of syncs when it was wiped; -1: it is not */
    int64_t commits, synced, syncs;
    int wipes; /* 0: each commit is synced before its header, and nothing need be wiped */
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
        CHECK(!m->committed[i] && !m->open[i]);
        if (m->died[i] < 0) continue;
        CHECK(m->died[i] < m->commits && m->died[i] <= m->synced); /* for a commit, and that on the medium */
        if (m->wipes) CHECK(m->wiped[i] >= 0 && m->wiped[i] < m->syncs);
    }
}

static void take(model *m)
{
    int64_t bytes = 1 + random_below(40), start = 0;
    if (m->count == EXTENTS || m->space.end + bytes > BYTES) return;
    int64_t low = random_below(4) ? 0 : random_below(300);
    CHECK_OK(low ? b2_space_take_from(&m->space, low, bytes, &start)
                 : b2_space_take(&m->space, bytes, &start));
    if (start + bytes > BYTES) abort();
    CHECK(start >= low);
    check_unused(m, start, bytes);
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
    for (int64_t at = start; at < start + bytes; at++) {
        m->died[at] = m->commits;
        m->wiped[at] = -1;
    }
}

static void settle(model *m)
{
    if (!m->wipes) {
        b2_space_settle_unwiped(&m->space);
        return;
    }
    int64_t ripe = random_below(3) ? b2_space_ripe(&m->space) : 0;
    for (int64_t i = 0; i < ripe; i++)
        for (int64_t at = m->space.dead.items[i].start; at < m->space.dead.items[i].stop; at++)
            m->wiped[at] = m->syncs;
    b2_space_wiped(&m->space, ripe);
    if (random_below(2)) {
        b2_space_synced(&m->space);
        m->synced = m->commits;
        m->syncs++;
    }
    b2_space_settle(&m->space);
}

/* One change: some extents taken, some of these given back, some committed ones dropped; then an end. */
static void change(model *m)
{
    int dropped[EXTENTS], drops = 0;
    settle(m);
    m->space.frozen = random_below(10) == 0;
    for (int i = random_below(6); i >= 0; i--) take(m);
    for (int i = m->count - 1; i >= 0; i--) {
        if (!m->live[i].born || random_below(5)) continue;
        b2_space_give_back(&m->space, m->live[i].start, m->live[i].bytes);
        memset(m->open + m->live[i].start, 2,
               (size_t)m->live[i].bytes); /* written, and dead with the commit */
        forget(m, i);
    }
    for (int i = 0; i < m->count; i++)
        if (!m->live[i].born && random_below(4) == 0) dropped[drops++] = i;
    if (random_below(4) == 0) {
        int64_t end = m->space.committed_end; /* behind it all is cut off */
        b2_space_rollback(&m->space);
        for (int i = m->count - 1; i >= 0; i--)
            if (m->live[i].born) forget(m, i);
        for (int64_t at = 0; at < end; at++)
            if (m->open[at]) make_dead(m, at, 1);
        memset(m->open, 0, sizeof m->open);
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
    for (int64_t at = 0; at < BYTES; at++)
        if (m->open[at] == 2) make_dead(m, at, 1);
    memset(m->open, 0, sizeof m->open);
    while (drops > 0) {
        int i = dropped[--drops];
        int64_t start = m->live[i].start, bytes = m->live[i].bytes;
        b2_space_bury(&m->space, (b2_extent){.start = start, .stop = start + bytes});
        memset(m->committed + start, 0, (size_t)bytes);
        make_dead(m, start, bytes);
        forget(m, i);
    }
    if (random_below(3) == 0) {
        b2_space_synced(&m->space);
        m->synced = m->commits;
        m->syncs++;
    }
}

static void check_lists(const model *m)
{
    const b2_extents *list = &m->space.free;
    for (int64_t i = 0; i < list->count; i++) {
        CHECK(list->items[i].start < list->items[i].stop && list->items[i].stop < m->space.end);
        if (i) CHECK(list->items[i - 1].stop < list->items[i].start); /* neighbours are one */
    }
}

static void every_change_gets_unused_bytes(void)
{
    for (int round = 0; round < 300; round++) {
        model m = {0};
        memset(m.died, -1, sizeof m.died);
        m.wipes = round % 2;
        b2_space_init(&m.space, 0);
        for (int i = 0; i < 60; i++) {
            change(&m);
            check_lists(&m);
        }
        b2_space_free(&m.space);
    }
}

/* Updates of equal size go round in the space of three states. */
static void space_does_not_grow_with_updates(void)
{
    b2_space space;
    int64_t place = 0, old = -1;
    b2_space_init(&space, 100);
    for (int i = 0; i < 1000; i++) {
        b2_space_settle_unwiped(&space);
        CHECK_OK(b2_space_take(&space, 50, &place));
        b2_space_commit(&space);
        if (old >= 0) b2_space_bury(&space, (b2_extent){.start = old, .stop = old + 50});
        b2_space_synced(&space);
        old = place;
    }
    CHECK(space.end <= 100 + 3 * 50);
    CHECK(b2_space_ripe(&space) == b2_space_ripe_after_sync(&space));
    b2_space_free(&space);
}

static void without_syncs_nothing_is_used_again(void)
{
    b2_space space;
    int64_t place = 0;
    b2_space_init(&space, 0);
    for (int i = 0; i < 10; i++) {
        b2_space_settle_unwiped(&space);
        CHECK_OK(b2_space_take(&space, 10, &place));
        CHECK(place == 10 * i);
        b2_space_commit(&space);
        b2_space_bury(&space, (b2_extent){.start = place, .stop = place + 10});
    }
    CHECK(space.dead_bytes == 100 && b2_space_ripe(&space) == 0 && b2_space_ripe_after_sync(&space) == 9);
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
            b2_space_settle_unwiped(&space);
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
    without_syncs_nothing_is_used_again();
    short_memory_loses_space_and_nothing_else();
    return check_result();
}
