/** Every way to compute CRC-32C that this CPU runs gives what the definition says, bit by bit. */
#include <string.h>

#include "check.h"
#include "checksum/crc32c.h"
#include "cpu/cpu.h"
#include "guarded.h"

enum { ROOM = GUARD_BYTES, LONGEST = 4500 };

/** RFC 3720 appendix B.4: a division by the polynomial, one bit at a time. */
static uint32_t divide(uint32_t crc, const uint8_t *data, size_t bytes)
{
    crc = ~crc;
    for (size_t i = 0; i < bytes; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

static void fill(uint8_t *p, size_t bytes)
{
    uint32_t state = 1;
    for (size_t i = 0; i < bytes; i++) {
        state = state * 1664525u + 1013904223u;
        p[i] = (uint8_t)(state >> 24);
    }
}

static void check_known_answers(b2_crc32c_fn *update)
{
    uint8_t bytes[32];
    CHECK(update(0, (const uint8_t *)"123456789", 9) == 0xe3069283u);
    CHECK(update(0, bytes, 0) == 0 && update(0x12345678u, bytes, 0) == 0x12345678u);
    memset(bytes, 0, 32); /* these: RFC 3720 appendix B.4 */
    CHECK(update(0, bytes, 32) == 0x8a9136aau);
    memset(bytes, 0xff, 32);
    CHECK(update(0, bytes, 32) == 0x62a8ab43u);
    for (int i = 0; i < 32; i++) bytes[i] = (uint8_t)i;
    CHECK(update(0, bytes, 32) == 0x46dd794eu);
}

/** All lengths, at the end of memory and so at every alignment; and going on from a checksum before. */
static void check_lengths(b2_crc32c_fn *update, const uint8_t *room)
{
    for (size_t bytes = 0; bytes <= LONGEST; bytes++) {
        const uint8_t *data = room + ROOM - bytes;
        CHECK(update(0, data, bytes) == divide(0, data, bytes));
        uint32_t before = 0x9e3779b9u * (uint32_t)bytes;
        if (bytes % 7 == 0) CHECK(update(before, room, bytes) == divide(before, room, bytes));
    }
    CHECK(update(0, room, ROOM) == divide(0, room, ROOM));
}

static void check_alignments(b2_crc32c_fn *update, const uint8_t *room)
{
    for (size_t start = 0; start < 64; start++) {
        for (size_t bytes = 0; bytes < 80; bytes++)
            CHECK(update(0, room + start, bytes) == divide(0, room + start, bytes));
        CHECK(update(0, room + start, 7000) == divide(0, room + start, 7000));
    }
}

static void check_that_parts_make_the_whole(b2_crc32c_fn *update, const uint8_t *room)
{
    const size_t bytes = 40000; /* pieces of all sizes, and what is left */
    uint32_t whole = update(0, room, bytes);
    for (size_t first = 0; first <= bytes; first += 37)
        CHECK(update(update(0, room, first), room + first, bytes - first) == whole);
}

int main(void)
{
    uint8_t *room = guarded(ROOM);
    fill(room, ROOM);
    const b2_crc32c_way *const *ways;
    size_t count = b2_crc32c_all(&ways);
    CHECK(count >= 1 && ways[count - 1] == &b2_crc32c_tables && b2_crc32c_tables.needs == 0);
    for (size_t i = 0; i < count; i++) {
        int can_run = (ways[i]->needs & ~b2_cpu_features()) == 0;
        printf("%s: %s\n", ways[i]->name, can_run ? "checked" : "cannot run here");
        if (!can_run) continue;
        check_known_answers(ways[i]->update);
        check_lengths(ways[i]->update, room);
        check_alignments(ways[i]->update, room);
        check_that_parts_make_the_whole(ways[i]->update, room);
    }
    CHECK(b2_crc32c(b2_crc32c(0, "1234", 4), "56789", 5) == 0xe3069283u);
    return check_result();
}
