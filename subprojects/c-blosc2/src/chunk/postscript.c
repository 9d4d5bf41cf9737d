#include "chunk/postscript.h"

#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "checksum/crc32c.h"
#include "chunk/header.h"
#include "chunk/view.h"

/* Where the fields lie; all numbers are little-endian, as in the chunk. */
enum {
    MAGIC = 0,
    VERSION = 4,
    COUNT = 8,
    HEADER_CRC = 12,
    TABLES_CRC = 16,
    BLOCK_CRCS = 20,
};

enum { VERSION_WRITTEN = 1, SHORT_BLOCK_BYTES = 64 };

static const uint8_t MAGIC_BYTES[4] = {0xb2, 'C', 'R', 'C'};

int32_t b2_postscript_count(const blosc2_view *view)
{
    if (view->special) return view->special == BLOSC2_SPECIAL_VALUE;
    if (view->nbytes == 0) return 0;
    if (view->memcpyed && view->block_bytes < SHORT_BLOCK_BYTES) return 1;
    return view->block_count;
}

int32_t b2_postscript_bytes(const blosc2_view *view)
{
    /* No overflow: each counted block has 4 bytes and more in the chunk. A header that lies about that is
     * not taken for a chunk. */
    int64_t bytes = B2_POSTSCRIPT_MIN + 4 * (int64_t)b2_postscript_count(view);
    return bytes > INT32_MAX ? INT32_MAX : (int32_t)bytes;
}

/* ------------------------------------------------------------------ what each CRC is of */

/* Bytes [start, stop) of a chunk. */
typedef struct extent {
    int64_t start, stop;
} extent;

static uint32_t crc_of(const blosc2_view *view, int64_t start, int64_t stop)
{
    return b2_crc32c(0, view->bytes + start, (size_t)(stop - start));
}

/* What lies between header and streams: bstarts, and the dictionary with its size; or nothing. */
static extent find_tables(const blosc2_view *view)
{
    int64_t stop = view->dict_bytes ? view->dict_start + (int64_t)view->dict_bytes : view->streams_start;
    return (extent){view->header_bytes, b2_view_is_regular(view) ? stop : view->header_bytes};
}

static uint32_t crc_of_tables(const blosc2_view *view)
{
    extent tables = find_tables(view);
    return crc_of(view, tables.start, tables.stop);
}

/* A VL-block goes on to the start of the next one (chunk-format.md 8). */
static int find_vl_block(const blosc2_view *view, int32_t block, extent *out)
{
    int32_t start = 0, stop = view->cbytes;
    int status = b2_view_block_start(view, block, &start);
    if (status == BLOSC2_OK && block + 1 < view->block_count)
        status = b2_view_block_start(view, block + 1, &stop);
    *out = (extent){start, stop};
    return status;
}

static int find_regular_block(const blosc2_view *view, int32_t block, extent *out)
{
    int32_t start = 0, stop = 0;
    int status = b2_view_block_start(view, block, &start);
    if (status == BLOSC2_OK) status = b2_view_block_end(view, block, view->cbytes, &stop);
    if (status == BLOSC2_OK && stop == 0)
        status = blosc2_fail(BLOSC2_E_CORRUPT, "block %d: its streams go on beyond the chunk", block);
    *out = (extent){start, stop};
    return status;
}

/* The stored bytes of a block, all of them inside of the chunk. */
static int find_block(const blosc2_view *view, int32_t block, extent *out)
{
    int status = BLOSC2_OK;
    if (view->special || view->memcpyed) {
        bool is_whole = b2_postscript_count(view) == 1;
        int64_t start = view->header_bytes + (is_whole ? 0 : (int64_t)block * view->block_bytes);
        *out = (extent){start, is_whole ? view->cbytes : start + blosc2_view_block_nbytes(view, block)};
    } else {
        status = view->vl_blocks ? find_vl_block(view, block, out) : find_regular_block(view, block, out);
    }
    if (status == BLOSC2_OK && (out->stop < out->start || out->stop > view->cbytes))
        status = blosc2_fail(BLOSC2_E_CORRUPT, "block %d: bytes %lld..%lld (expected 0..%d)", block,
                             (long long)out->start, (long long)out->stop, view->cbytes);
    return status;
}

int b2_postscript_build(const blosc2_view *view, uint8_t *out)
{
    int32_t count = b2_postscript_count(view);
    memcpy(out + MAGIC, MAGIC_BYTES, sizeof MAGIC_BYTES);
    b2_store_le32(out + VERSION, VERSION_WRITTEN);
    b2_store_le32(out + COUNT, (uint32_t)count);
    b2_store_le32(out + HEADER_CRC, crc_of(view, 0, view->header_bytes));
    b2_store_le32(out + TABLES_CRC, crc_of_tables(view));
    uint8_t *end = out + BLOCK_CRCS;
    for (int32_t i = 0; i < count; i++, end += 4) {
        extent stored;
        int status = find_block(view, i, &stored);
        if (status < 0) return status;
        b2_store_le32(end, crc_of(view, stored.start, stored.stop));
    }
    b2_store_le32(end, b2_crc32c(0, out, (size_t)(end - out)));
    return BLOSC2_OK;
}

int b2_postscript_sum(const blosc2_view *view, const uint8_t *postscript, int32_t which, b2_summed *out)
{
    static const int fields[] = {HEADER_CRC, TABLES_CRC};
    extent of = {0, view->header_bytes};
    int status = BLOSC2_OK;
    if (which == B2_SUM_OF_TABLES) of = find_tables(view);
    if (which >= 0) status = find_block(view, which, &of);
    const uint8_t *crc = postscript + (which < 0 ? fields[which - B2_SUM_OF_HEADER] : BLOCK_CRCS + 4 * which);
    *out = (b2_summed){of.start, of.stop, b2_load_le32(crc)};
    return status;
}

/* ------------------------------------------------------------------ verifying */

static bool has_magic(const uint8_t *bytes)
{
    return memcmp(bytes + MAGIC, MAGIC_BYTES, sizeof MAGIC_BYTES) == 0 &&
           b2_load_le32(bytes + VERSION) == VERSION_WRITTEN;
}

int64_t b2_postscript_stated_bytes(const uint8_t *bytes)
{
    return has_magic(bytes) ? B2_POSTSCRIPT_MIN + 4 * (int64_t)b2_load_le32(bytes + COUNT) : 0;
}

bool b2_postscript_is_intact(const uint8_t *bytes, size_t available)
{
    int64_t size = available < B2_POSTSCRIPT_MIN ? 0 : b2_postscript_stated_bytes(bytes);
    if (size == 0 || (uint64_t)size > available) return false;
    size_t end = (size_t)size - 4;
    return b2_load_le32(bytes + end) == b2_crc32c(0, bytes, end);
}

static int check_crc(const char *what, uint32_t stored, uint32_t found)
{
    if (stored == found) return BLOSC2_OK;
    return blosc2_fail(BLOSC2_E_CORRUPT, "checksum of the %s: 0x%08x (stored: 0x%08x)", what, found, stored);
}

int b2_postscript_check_raw_header(const uint8_t *header, int32_t header_bytes, const uint8_t *postscript)
{
    if (!has_magic(postscript)) return blosc2_fail(BLOSC2_E_CORRUPT, "no checksums behind the chunk");
    return check_crc("header", b2_load_le32(postscript + HEADER_CRC),
                     b2_crc32c(0, header, (size_t)header_bytes));
}

int b2_postscript_check_header(const blosc2_view *view, const uint8_t *postscript)
{
    int status = b2_postscript_check_raw_header(view->bytes, view->header_bytes, postscript);
    uint32_t count = b2_load_le32(postscript + COUNT), expected = (uint32_t)b2_postscript_count(view);
    if (status == BLOSC2_OK && count != expected)
        status = blosc2_fail(BLOSC2_E_CORRUPT, "checksums of %u blocks (expected %u)", count, expected);
    return status;
}

int b2_postscript_check_head(const blosc2_view *view, const uint8_t *postscript)
{
    int status = b2_postscript_check_header(view, postscript);
    return status == BLOSC2_OK && view->dict_bytes ? b2_postscript_check_tables(view, postscript) : status;
}

int b2_postscript_check_tag(const blosc2_view *view, const uint8_t *postscript, int64_t bytes, uint32_t crc)
{
    int32_t size = b2_postscript_bytes(view);
    bool fits = view->cbytes + (int64_t)size == bytes && b2_postscript_is_intact(postscript, (size_t)size) &&
                b2_load_le32(postscript + size - 4) == crc;
    if (fits) return BLOSC2_OK;
    return blosc2_fail(
        BLOSC2_E_CORRUPT,
        "not the chunk that was written last, or its checksums are damaged (%d bytes, expected "
        "%lld)",
        view->cbytes + size, (long long)bytes);
}

int b2_postscript_check_tables(const blosc2_view *view, const uint8_t *postscript)
{
    return check_crc(view->dict_bytes ? "block starts and dictionary" : "block starts",
                     b2_load_le32(postscript + TABLES_CRC), crc_of_tables(view));
}

int b2_postscript_check_block(const blosc2_view *view, const uint8_t *postscript, int32_t block)
{
    int32_t count = b2_postscript_count(view);
    extent bytes;
    if (count == 0) return BLOSC2_OK;
    if (count == 1) block = 0;
    if (block < 0 || block >= count)
        return blosc2_fail(BLOSC2_E_ARGUMENT, "block: %d (expected 0..%d)", block, count - 1);
    int status = find_block(view, block, &bytes);
    if (status < 0) return status;
    uint32_t stored = b2_load_le32(postscript + BLOCK_CRCS + 4 * (size_t)block);
    uint32_t found = crc_of(view, bytes.start, bytes.stop);
    if (stored == found) return BLOSC2_OK;
    return blosc2_fail(BLOSC2_E_CORRUPT, "block %d: checksum 0x%08x of %lld bytes (stored: 0x%08x)", block,
                       found, (long long)(bytes.stop - bytes.start), stored);
}

int b2_postscript_check(const blosc2_view *view, const uint8_t *postscript)
{
    int32_t count = b2_postscript_count(view);
    int status = b2_postscript_check_head(view, postscript);
    for (int32_t i = 0; i < count && status == BLOSC2_OK; i++)
        status = b2_postscript_check_block(view, postscript, i);
    return status == BLOSC2_OK ? b2_postscript_check_tables(view, postscript) : status;
}
