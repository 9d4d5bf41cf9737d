#include "chunk/damage.h"

#include <stdbool.h>

#include "base/bytes.h"
#include "base/failure.h"
#include "checksum/crc32c.h"
#include "chunk/header.h"
#include "chunk/postscript.h"
#include "chunk/view.h"

enum { CRC_BYTES = 4 };

/* The difference that the last bit makes, and that each bit makes with one more bit behind it: RFC 3720's
 * polynomial, reflected. */
static const uint32_t LAST_BIT = 0x82f63b78;

static uint32_t with_one_more_bit(uint32_t difference)
{
    return difference & 1 ? (difference >> 1) ^ LAST_BIT : difference >> 1;
}

static bool is_one_bit(uint32_t bits)
{
    return bits && (bits & (bits - 1)) == 0;
}

static b2_damage damage_by_crc(const uint8_t *bytes, int64_t count, uint32_t crc)
{
    uint32_t difference = b2_crc32c(0, bytes, (size_t)count) ^ crc, of_bit = LAST_BIT;
    if (difference == 0) return B2_DAMAGE_NONE;
    if (is_one_bit(difference)) return B2_DAMAGE_FLIP; /* in the checksum itself */
    for (int64_t i = 0; i < 8 * count; i++) {
        if (of_bit == difference) return B2_DAMAGE_FLIP;
        of_bit = with_one_more_bit(of_bit);
    }
    return B2_DAMAGE_MORE;
}

/* Where the postscript begins that ends where the bytes do; -1: none does. The header may be damaged that
 * would tell. */
static int64_t find_postscript(const uint8_t *bytes, int64_t count)
{
    for (int64_t size = B2_POSTSCRIPT_MIN; size <= count - B2_HEADER_BLOSC1; size += CRC_BYTES)
        if (b2_postscript_stated_bytes(bytes + count - size) == size) return count - size;
    return -1;
}

static b2_damage damage_of(const blosc2_view *view, const uint8_t *postscript, int32_t which)
{
    b2_summed sum;
    if (b2_postscript_sum(view, postscript, which, &sum) < 0) return B2_DAMAGE_MORE;
    return damage_by_crc(view->bytes + sum.start, sum.stop - sum.start, sum.crc);
}

/* Of a header that may not be one: it has 16 bytes or 32. */
static b2_damage damage_of_header(const uint8_t *bytes, int64_t count, const uint8_t *postscript)
{
    b2_damage damage = B2_DAMAGE_MORE;
    for (int32_t size = B2_HEADER_BLOSC1; size <= B2_HEADER_EXTENDED && size <= count;
         size += B2_HEADER_BLOSC1) {
        const blosc2_view head = {.bytes = bytes, .header_bytes = size};
        b2_damage found = damage_of(&head, postscript, B2_SUM_OF_HEADER);
        if (found < damage) damage = found;
    }
    return damage;
}

/* Where a block ends if the next one follows it: the size of a stream that tells may be what is damaged. */
static int64_t stop_of_block(const blosc2_view *view, int64_t start)
{
    int64_t stop = view->cbytes;
    for (int32_t i = 0; i < view->block_count; i++) {
        int32_t other;
        if (b2_view_block_start(view, i, &other) == BLOSC2_OK && other > start && other < stop) stop = other;
    }
    return stop;
}

static b2_damage damage_of_block(const blosc2_view *view, const uint8_t *postscript, int32_t block)
{
    b2_summed sum;
    b2_damage damage = damage_of(view, postscript, block);
    if (damage != B2_DAMAGE_MORE || !b2_view_is_regular(view)) return damage;
    b2_postscript_sum(view, postscript, block, &sum); /* its start is right in any case */
    int64_t stop = stop_of_block(view, sum.start);
    if (sum.start < view->streams_start || sum.start >= stop) return damage;
    return damage_by_crc(view->bytes + sum.start, stop - sum.start, sum.crc);
}

/* Of all but the header. A flipped bit in the start of a block has that block looked for where it is not. */
static b2_damage damage_of_parts(const blosc2_view *view, const uint8_t *postscript)
{
    b2_damage damage = damage_of(view, postscript, B2_SUM_OF_TABLES);
    if (damage == B2_DAMAGE_MORE) return damage; /* then nobody knows where blocks are */
    int wrong = damage == B2_DAMAGE_FLIP ? -1 : 0;
    for (int32_t i = 0; i < b2_postscript_count(view); i++) {
        b2_damage of_block = damage_of_block(view, postscript, i);
        if (of_block == B2_DAMAGE_MORE && wrong++ >= 0) return of_block;
        if (of_block != B2_DAMAGE_NONE) damage = B2_DAMAGE_FLIP;
    }
    return damage;
}

/* Where the postscript begins: by the header; or, if that is damaged, by its own first bytes. -1: nowhere. */
static int64_t start_of_postscript(const uint8_t *bytes, int64_t count)
{
    blosc2_view head;
    size_t available = count < B2_HEADER_EXTENDED ? (size_t)count : B2_HEADER_EXTENDED;
    if (b2_header_parse(bytes, available, count, &head) == BLOSC2_OK &&
        head.cbytes + (int64_t)b2_postscript_bytes(&head) == count)
        return head.cbytes;
    return find_postscript(bytes, count);
}

static b2_damage judge(const uint8_t *bytes, int64_t count, uint32_t crc, int32_t item_bytes)
{
    uint32_t stored = b2_load_le32(bytes + count - CRC_BYTES);
    if (stored != crc && !is_one_bit(stored ^ crc)) return B2_DAMAGE_MORE;
    int64_t start = start_of_postscript(bytes, count);
    if (start < 0) return B2_DAMAGE_MORE;
    const uint8_t *postscript = bytes + start;
    b2_damage damage = damage_by_crc(postscript, count - start - CRC_BYTES, crc);
    if (damage == B2_DAMAGE_NONE) damage = damage_of_header(bytes, start, postscript);
    if (damage != B2_DAMAGE_NONE) return damage; /* then it tells nothing of the rest */
    blosc2_view view;
    if (blosc2_view_init(&view, bytes, (size_t)start, item_bytes, BLOSC2_MAX_CHUNK_BYTES) < 0 ||
        start + b2_postscript_bytes(&view) != count)
        return B2_DAMAGE_MORE;
    damage = damage_of_parts(&view, postscript);
    return damage == B2_DAMAGE_NONE && stored != crc ? B2_DAMAGE_FLIP : damage;
}

b2_damage b2_chunk_damage(const uint8_t *bytes, int64_t count, uint32_t crc, int32_t item_bytes)
{
    b2_failure failure;
    if (count < B2_HEADER_BLOSC1 + B2_POSTSCRIPT_MIN) return B2_DAMAGE_MORE;
    b2_failure_save(&failure); /* a verdict is none */
    b2_damage damage = judge(bytes, count, crc, item_bytes);
    b2_failure_restore(&failure);
    return damage;
}
