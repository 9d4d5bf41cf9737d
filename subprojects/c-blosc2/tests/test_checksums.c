/** Postscripts of chunks and fingerprints of frames: docs/design/durability.md, "Checksums". */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "check.h"
#include "checksum/crc32c.h"
#include "chunk/damage.h"
#include "chunk/header.h"
#include "chunk/postscript.h"
#include "frame/fingerprint.h"
#include "frame/frame.h"
#include "schunk/schunk.h"
#include "scratch.h"

enum { NBYTES = 8 * 1024, BLOCK = 1024 };

static uint8_t content[NBYTES];

static void fill_content(void)
{
    uint32_t noise = 1;
    for (int i = 0; i < NBYTES; i++) {
        noise = noise * 1664525 + 1013904223;
        uint32_t byte = i % 1024 < 512 ? noise >> 24 : (uint32_t)i / 64;
        content[i] = i % 4 ? 0 : (uint8_t)byte;
    }
}

/** The definition, a bit at a time: RFC 3720. */
static uint32_t crc_by_definition(const uint8_t *bytes, size_t count)
{
    uint32_t crc = ~(uint32_t)0;
    for (size_t i = 0; i < count; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
    }
    return ~crc;
}

/* ------------------------------------------------------------------ chunks */

typedef struct sample {
    const char *name;
    int clevel;
    bool use_dict, delta;
    blosc2_special special;
    int32_t block_bytes;
    int32_t expected; /* CRCs of blocks */
} sample;

static const sample SAMPLES[] = {
    {"streams", 5, false, false, BLOSC2_SPECIAL_NONE, BLOCK, 8},
    {"delta", 5, false, true, BLOSC2_SPECIAL_NONE, BLOCK, 8},
    {"dictionary", 5, true, false, BLOSC2_SPECIAL_NONE, BLOCK, 8},
    {"copy", 0, false, false, BLOSC2_SPECIAL_NONE, BLOCK, 8},
    {"copy of short blocks", 0, false, false, BLOSC2_SPECIAL_NONE, 32, 1},
    {"zeros", 5, false, false, BLOSC2_SPECIAL_ZEROS, BLOCK, 0},
    {"value", 5, false, false, BLOSC2_SPECIAL_VALUE, BLOCK, 1},
};

/** A chunk with its postscript behind it. @return A block for free(). */
static uint8_t *make_chunk(const sample *what, blosc2_view *view, blosc2_workspace *workspace)
{
    blosc2_cparams cparams = blosc2_cparams_default(4);
    cparams.clevel = what->clevel;
    cparams.use_dict = what->use_dict;
    if (what->use_dict) cparams.codec = BLOSC2_ZSTD;
    if (what->delta) cparams.filters[4] = BLOSC2_DELTA;
    blosc2_builder *builder;
    const uint8_t *made;
    uint8_t special[BLOSC2_CHUNK_OVERHEAD + 4];
    int32_t cbytes = 0;
    CHECK_OK(blosc2_builder_create(&cparams, &builder));
    if (what->special) {
        bool has_value = what->special == BLOSC2_SPECIAL_VALUE;
        CHECK_OK(blosc2_special_chunk(what->special, 4, NBYTES, what->block_bytes, has_value ? content : NULL,
                                      has_value ? 4 : 0, special));
        made = special;
        cbytes = BLOSC2_CHUNK_OVERHEAD + (has_value ? 4 : 0);
    } else {
        CHECK_OK(blosc2_builder_start(builder, NBYTES, what->block_bytes));
        for (int32_t i = NBYTES / what->block_bytes - 1; i >= 0; i--) /* blocks lie in any order */
            CHECK_OK(blosc2_builder_encode_block(builder, i, content + i * what->block_bytes, workspace));
        CHECK_OK(blosc2_builder_finish(builder, &made, &cbytes, workspace));
    }
    CHECK_OK(blosc2_view_init(view, made, (size_t)cbytes, 4, NBYTES));
    int32_t after = b2_postscript_bytes(view);
    uint8_t *bytes = malloc((size_t)cbytes + (size_t)after);
    if (!bytes) abort();
    memcpy(bytes, made, (size_t)cbytes);
    blosc2_builder_free(builder);
    CHECK_OK(blosc2_view_init(view, bytes, (size_t)cbytes, 4, NBYTES));
    CHECK_OK(b2_postscript_build(view, bytes + cbytes));
    return bytes;
}

static void the_size_is_known_from_the_header_alone(const sample *what, const uint8_t *bytes, int32_t cbytes)
{
    blosc2_view head;
    CHECK_OK(b2_header_parse(bytes, BLOSC2_CHUNK_OVERHEAD, cbytes, &head));
    CHECK(b2_postscript_count(&head) == what->expected);
    CHECK(b2_postscript_bytes(&head) == 24 + 4 * what->expected);
    CHECK_OK(b2_postscript_check_header(&head, bytes + cbytes));
}

/** The layout of docs/design/durability.md, for a chunk whose blocks are found without walking. */
static void the_layout_is_as_documented(const sample *what, const uint8_t *bytes, int32_t cbytes)
{
    const uint8_t *after = bytes + cbytes;
    int32_t count = what->expected;
    CHECK(memcmp(after,
                 "\xb2"
                 "CRC\1\0\0\0",
                 8) == 0);
    CHECK(b2_load_le32(after + 8) == (uint32_t)count);
    CHECK(b2_load_le32(after + 12) == crc_by_definition(bytes, 32));
    bool regular = !what->special && what->clevel > 0;
    size_t tables = regular ? 4 * (size_t)count : 0;
    if (what->use_dict) tables += 4 + b2_load_le32(bytes + 32 + tables);
    CHECK(b2_load_le32(after + 16) == crc_by_definition(bytes + 32, tables));
    for (int32_t i = 0; i < count && what->clevel == 0; i++) {
        int32_t size = (cbytes - 32) / count;
        CHECK(b2_load_le32(after + 20 + 4 * i) == crc_by_definition(bytes + 32 + i * size, (size_t)size));
    }
    CHECK(b2_load_le32(after + 20 + 4 * count) == crc_by_definition(after, 20 + 4 * (size_t)count));
}

/**
 * With any one byte changed, each block is refused or is what it was; and some check refuses, unless the byte
 * is of no block (a gap in the chunk has none) or of the postscript's own CRC.
 */
static void a_changed_byte_is_never_decoded(const uint8_t *bytes, int32_t cbytes, int32_t size,
                                            blosc2_workspace *workspace)
{
    uint8_t *copy = malloc((size_t)size), *out = malloc(NBYTES);
    if (!copy || !out) abort();
    for (int32_t at = 0; at < size; at++) {
        memcpy(copy, bytes, (size_t)size);
        copy[at] ^= (uint8_t)(1u << at % 8);
        blosc2_view view;
        if (blosc2_view_init(&view, copy, (size_t)cbytes, 4, NBYTES) < 0) continue;
        const uint8_t *after = copy + view.cbytes;
        if (view.cbytes + b2_postscript_bytes(&view) > size) continue;
        bool refused = b2_postscript_check_head(&view, after) < 0;
        for (int32_t i = 0; i < view.block_count && !refused; i++) {
            if (b2_postscript_check_block(&view, after, i) < 0) {
                refused = true;
                continue;
            }
            CHECK_OK(blosc2_view_decode_block(&view, i, out, workspace));
            CHECK(view.special || memcmp(out, content + i * view.block_bytes, (size_t)view.block_bytes) == 0);
        }
        refused |= b2_postscript_check_tables(&view, after) < 0;
        CHECK(refused || !b2_postscript_is_intact(after, (size_t)(size - view.cbytes)));
        CHECK(refused == (b2_postscript_check(&view, after) < 0));
    }
    free(copy);
    free(out);
}

/** A flipped bit is told from bytes that were never written, wherever they are. */
static void damage_is_told_from_what_was_never_written(const uint8_t *bytes, int32_t size)
{
    uint32_t tag = b2_load_le32(bytes + size - 4), noise = 7;
    uint8_t *copy = malloc((size_t)size);
    if (!copy) abort();
    int64_t flips = 0, bits = 8 * (int64_t)size;
    CHECK(b2_chunk_damage(bytes, size, tag, 4) == B2_DAMAGE_NONE);
    CHECK(b2_chunk_damage(bytes, size, tag ^ 3, 4) == B2_DAMAGE_MORE); /* another one is in its place */
    CHECK(b2_chunk_damage(bytes, 39, tag, 4) == B2_DAMAGE_MORE);
    for (int64_t bit = 0; bit < bits; bit++) {
        memcpy(copy, bytes, (size_t)size);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        b2_damage damage = b2_chunk_damage(copy, size, tag, 4);
        CHECK(damage != B2_DAMAGE_NONE);
        flips += damage == B2_DAMAGE_FLIP;
    }
    CHECK(bits - flips <= 32); /* the size of a dictionary */
    static const int32_t RUNS[] = {6, 16, 512};
    for (int32_t i = 0; i < 3 * 64 && size > 64; i++) {
        int32_t run = RUNS[i % 3] < size ? RUNS[i % 3] : size,
                at = (int32_t)((int64_t)(size - run) * (i / 3) / 63);
        memcpy(copy, bytes, (size_t)size);
        for (int32_t n = 0; n < run; n++) {
            noise = noise * 1664525 + 1013904223;
            copy[at + n] = i % 2 ? (uint8_t)(noise >> 24) : (uint8_t)(copy[at + n] ^ 0x5a);
        }
        CHECK(b2_chunk_damage(copy, size, tag, 4) == B2_DAMAGE_MORE);
    }
    free(copy);
}

static void each_kind_of_chunk_is_verified(void)
{
    blosc2_workspace *workspace;
    CHECK_OK(blosc2_workspace_create(&workspace));
    for (size_t i = 0; i < sizeof SAMPLES / sizeof *SAMPLES; i++) {
        blosc2_view view;
        uint8_t *bytes = make_chunk(&SAMPLES[i], &view, workspace);
        int32_t size = view.cbytes + b2_postscript_bytes(&view);
        the_size_is_known_from_the_header_alone(&SAMPLES[i], bytes, view.cbytes);
        the_layout_is_as_documented(&SAMPLES[i], bytes, view.cbytes);
        CHECK(b2_postscript_is_intact(bytes + view.cbytes, (size_t)(size - view.cbytes)));
        CHECK_OK(b2_postscript_check(&view, bytes + view.cbytes));
        CHECK(!SAMPLES[i].use_dict || view.dict_bytes > 0);
        a_changed_byte_is_never_decoded(bytes, view.cbytes, size, workspace);
        damage_is_told_from_what_was_never_written(bytes, size);
        free(bytes);
    }
    blosc2_workspace_free(workspace);
}

static void what_is_no_postscript_is_not_taken_for_one(void)
{
    uint8_t bytes[64] = {0};
    CHECK(!b2_postscript_is_intact(bytes, sizeof bytes));
    CHECK(!b2_postscript_is_intact(bytes, 0));
    memcpy(bytes,
           "\xb2"
           "CRC\1\0\0\0",
           8);
    b2_store_le32(bytes + 8, UINT32_MAX); /* of 16 GiB */
    CHECK(!b2_postscript_is_intact(bytes, sizeof bytes));
    CHECK(b2_postscript_stated_bytes(bytes) == 24 + 4 * (int64_t)UINT32_MAX);
    b2_store_le32(bytes + 8, 1);
    b2_store_le32(bytes + 24, b2_crc32c(0, bytes, 24));
    CHECK(b2_postscript_is_intact(bytes, 28));
    CHECK(!b2_postscript_is_intact(bytes, 27));
    bytes[4] = 2; /* another version */
    b2_store_le32(bytes + 24, b2_crc32c(0, bytes, 24));
    CHECK(!b2_postscript_is_intact(bytes, 28));
}

/* ------------------------------------------------------------------ frames */

static char path[SCRATCH_PATH_BYTES + 16];

/** A file of three chunks, one of them of zeros, with a metalayer of each kind. */
static void make_file(void)
{
    const blosc2_metalayer fixed = {"fixed", (const uint8_t *)"abcdef", 6};
    const blosc2_metalayer variable = {"variable", content, 100};
    blosc2_schunk_options options = {.home = BLOSC2_HOME_FILE,
                                     .path = path,
                                     .cparams = blosc2_cparams_default(4),
                                     .chunk_bytes = NBYTES,
                                     .block_bytes = BLOCK,
                                     .chunk_count = 3,
                                     .fill = BLOSC2_SPECIAL_ZEROS,
                                     .metalayers = &fixed,
                                     .metalayer_count = 1};
    blosc2_schunk *schunk;
    blosc2_workspace *workspace;
    blosc2_view view;
    CHECK_OK(blosc2_workspace_create(&workspace));
    CHECK_OK(blosc2_schunk_create(&options, &schunk));
    for (int i = 0; i < 2; i++) {
        uint8_t *bytes = make_chunk(&SAMPLES[3 * i], &view, workspace);
        CHECK_OK(blosc2_schunk_set_chunk(schunk, 2 * i, bytes, view.cbytes));
        free(bytes);
    }
    CHECK_OK(blosc2_schunk_set_layer(schunk, BLOSC2_LAYER_VARIABLE, &variable));
    CHECK_OK(blosc2_schunk_commit(schunk));
    CHECK(blosc2_schunk_seal(schunk) == BLOSC2_SEAL_WHOLE);
    blosc2_schunk_free(schunk);
    blosc2_workspace_free(workspace);
}

static uint8_t *read_file(size_t *size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = malloc(1 << 20);
    if (!file || !bytes) abort();
    *size = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    return bytes;
}

static void count_bad(void *context, const blosc2_bad *bad)
{
    ++*(int *)context;
    CHECK(bad->reason[0]);
}

/** Read all; @return the first failure. */
static int read_all(const blosc2_schunk *schunk, blosc2_workspace *workspace)
{
    static uint8_t out[NBYTES];
    int status = BLOSC2_OK;
    for (int64_t i = 0; i < 3 && status == BLOSC2_OK; i++) {
        blosc2_view view;
        status = blosc2_schunk_view(schunk, i, NULL, 0, workspace, &view);
        if (status == BLOSC2_OK) status = blosc2_view_decode(&view, out, workspace);
        if (status == BLOSC2_OK && i != 1) CHECK(memcmp(out, content, NBYTES) == 0);
    }
    return status;
}

/** The positions in a header that another writer may change: of metalayers' contents and of parameters. */
static bool is_soft(size_t at, size_t contents, size_t stop)
{
    return (at >= 27 && at < 29) || (at >= 53 && at < 57) || (at >= 63 && at < 65) || (at >= 66 && at < 68) ||
           (at >= 71 && at < 87) || (at >= contents && at < stop);
}

/** The content of the metalayer in the header. */
static size_t find_contents(const uint8_t *bytes)
{
    for (size_t at = 87;; at++)
        if (memcmp(bytes + at, "abcdef", 6) == 0) return at;
}

static void each_changed_byte_of_a_frame_is_noticed(void)
{
    size_t size, contents;
    uint8_t *bytes;
    blosc2_schunk *whole;
    blosc2_workspace *workspace;
    int silent = 0;
    CHECK_OK(blosc2_workspace_create(&workspace));
    CHECK_OK(blosc2_schunk_open(path, 0, BLOSC2_READ, &whole));
    CHECK_OK(blosc2_schunk_to_bytes(whole, &bytes, &size)); /* no dead bytes */
    blosc2_schunk_free(whole);
    contents = find_contents(bytes);
    size_t header_bytes = bytes[14], checkpoint = header_bytes + 24; /* which is empty: durability.md */
    for (size_t at = 0; at < size; at++) {
        blosc2_schunk *schunk;
        if (at >= header_bytes && at < header_bytes + checkpoint) continue;
        bytes[at] ^= (uint8_t)(1u << at % 8);
        int status = blosc2_schunk_from_bytes(bytes, size, &schunk);
        if (status == BLOSC2_OK) {
            int bad = 0;
            int64_t next = 0;
            blosc2_verdict verdict = {0};
            bool soft = is_soft(at, contents, contents + 6);
            CHECK(blosc2_schunk_seal(schunk) == (soft ? BLOSC2_SEAL_LAYERS : BLOSC2_SEAL_WHOLE));
            status = read_all(schunk, workspace);
            while (next < 3)
                CHECK_OK(blosc2_schunk_verify(schunk, &next, workspace, count_bad, &bad, &verdict));
            CHECK((bad > 0) == (verdict.bad > 0));
            CHECK(soft || (verdict.verified + verdict.bad == 24 && verdict.unverified == 0));
            CHECK(status == BLOSC2_OK || bad > 0);
            silent += status == BLOSC2_OK && bad == 0 && !soft;
            blosc2_schunk_free(schunk);
        } else {
            CHECK(status == BLOSC2_E_CORRUPT || status == BLOSC2_E_UNSUPPORTED);
        }
        bytes[at] ^= (uint8_t)(1u << at % 8);
    }
    CHECK(silent == 0);
    blosc2_workspace_free(workspace);
    blosc2_bytes_free(bytes);
}

static void the_fingerprint_is_as_documented(void)
{
    size_t size;
    uint8_t *bytes = read_file(&size);
    uint8_t *header = malloc(size), *soft = malloc(size), *tail = malloc(size);
    if (!header || !soft || !tail) abort();
    size_t header_bytes = b2_load_be32(bytes + 11), hard_count = 0, soft_count = 0;
    size_t contents = find_contents(bytes);
    for (size_t at = 0; at < header_bytes; at++) {
        if (is_soft(at, contents, contents + 6))
            soft[soft_count++] = bytes[at];
        else
            header[hard_count++] = bytes[at];
    }
    size_t start = header_bytes + b2_load_be32(bytes + 43), tail_count = size - 17 - start;
    size_t tags = 8 * (size_t)b2_load_le32(bytes + start - 20) + 16;
    memcpy(tail, bytes + start - 8 - tags, tags);
    memcpy(tail + tags, bytes + start, tail_count);
    memcpy(tail + tags + tail_count, bytes + size - 12, 12);
    CHECK(bytes[size - 17] == 3);
    CHECK(b2_load_be32(bytes + size - 16) == crc_by_definition(tail, tags + tail_count + 12));
    CHECK(b2_load_be32(bytes + size - 12) == crc_by_definition(header, hard_count));
    CHECK(b2_load_be32(bytes + size - 8) == crc_by_definition(soft, soft_count));
    CHECK(bytes[size - 1] == (B2_FINGERPRINT_SEALED | B2_FINGERPRINT_TAGGED));
    free(header);
    free(soft);
    free(tail);
    free(bytes);
}

/* ------------------------------------------------------------------ tags */

/** Commit a state that others have changed, with that tag for chunk 0: all checksums are right. */
static void make_file_that_lies(b2_tag tag)
{
    blosc2_schunk *schunk;
    make_file();
    CHECK_OK(blosc2_schunk_open(path, 0, BLOSC2_UPDATE, &schunk));
    CHECK_OK(blosc2_schunk_begin(schunk));
    CHECK_OK(b2_index_expand(&schunk->index));
    b2_index_set(&schunk->index, 0, b2_index_get(&schunk->index, 0), tag);
    schunk->seal = BLOSC2_SEAL_BROKEN;
    schunk->is_changed = true;
    CHECK_OK(blosc2_schunk_commit(schunk));
    blosc2_schunk_free(schunk);
}

static blosc2_verdict verify_file(blosc2_schunk *schunk, blosc2_workspace *workspace)
{
    blosc2_verdict verdict = {0};
    int bad = 0;
    for (int64_t next = 0; next < 3;)
        CHECK_OK(blosc2_schunk_verify(schunk, &next, workspace, count_bad, &bad, &verdict));
    CHECK(bad == 0 && verdict.bad == 0);
    return verdict;
}

/** @param is_right  Whether it is the tag of the chunk. */
static void adopt(b2_tag tag, bool is_right, blosc2_workspace *workspace)
{
    blosc2_schunk *schunk;
    make_file_that_lies(tag);
    CHECK_OK(blosc2_schunk_open(path, 0, BLOSC2_UPDATE, &schunk));
    CHECK(blosc2_schunk_seal(schunk) == BLOSC2_SEAL_BROKEN);
    CHECK_OK(read_all(schunk, workspace));
    CHECK((verify_file(schunk, workspace).unverified == 0) == is_right);
    CHECK_OK(blosc2_schunk_begin(schunk));
    CHECK_OK(blosc2_schunk_adopt(schunk, NULL, NULL));
    CHECK_OK(blosc2_schunk_commit(schunk));
    blosc2_schunk_free(schunk);
    CHECK_OK(blosc2_schunk_open(path, 0, BLOSC2_UPDATE, &schunk));
    CHECK(blosc2_schunk_seal(schunk) == BLOSC2_SEAL_WHOLE);
    CHECK_OK(read_all(schunk, workspace));
    CHECK(verify_file(schunk, workspace).unverified == 0);
    blosc2_schunk_free(schunk);
    scratch_remove(path);
}

/** What is sealed can be read, whatever was said of it before. */
static void tags_that_lie_are_not_sealed(void)
{
    blosc2_schunk *schunk;
    blosc2_workspace *workspace;
    CHECK_OK(blosc2_workspace_create(&workspace));
    make_file();
    CHECK_OK(blosc2_schunk_open(path, 0, BLOSC2_READ, &schunk));
    b2_tag tag = b2_index_tag(&schunk->index, 0);
    blosc2_schunk_free(schunk);
    scratch_remove(path);
    CHECK(tag.bytes > BLOCK && tag.crc);
    adopt(tag, true, workspace);
    adopt((b2_tag){0}, true, workspace); /* which says that it is not known */
    adopt((b2_tag){4, tag.crc}, false, workspace);
    adopt((b2_tag){tag.bytes - 1, tag.crc}, false, workspace);
    adopt((b2_tag){tag.bytes, tag.crc ^ 1}, false, workspace);
    adopt((b2_tag){4, 0}, false, workspace);
    blosc2_workspace_free(workspace);
}

int main(void)
{
    CHECK_OK(blosc2_init());
    fill_content();
    const char *directory = scratch_directory();
    snprintf(path, sizeof path, "%s/frame", directory);
    each_kind_of_chunk_is_verified();
    what_is_no_postscript_is_not_taken_for_one();
    make_file();
    the_fingerprint_is_as_documented();
    each_changed_byte_of_a_frame_is_noticed();
    scratch_remove(path);
    tags_that_lie_are_not_sealed();
    scratch_remove(directory);
    return check_result();
}
