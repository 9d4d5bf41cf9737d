/**
 * Which byte of an array's files is what: found by this test's own reading of undamaged bytes, so that it is
 * known what a flipped bit may cost.
 */
#ifndef CAT_TESTS_LIVES_REGION_H
#define CAT_TESTS_LIVES_REGION_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chunk/postscript.h"
#include "frame/copy.h"
#include "frame/fingerprint.h"
#include "frame/tags.h"
#include "io/recording.h"
#include "model.h"
#include "schunk/schunk.h"

typedef enum region_kind {
    REGION_HEADER,
    REGION_CHUNK_HEADER,
    REGION_TABLE,
    REGION_CONTENT,
    REGION_POSTSCRIPT,
    REGION_INDEX,
    REGION_TRAILER,
    REGION_FINGERPRINT,
    REGION_COPY,  /* of metadata: checkpoints, records, files that repeat others */
    REGION_SLACK, /* of no use to the committed state */
    REGIONS,
} region_kind;

static const char *const REGION_NAMES[REGIONS] = {"header",     "chunk header", "table",   "content",
                                                  "postscript", "index",        "trailer", "fingerprint",
                                                  "copy",       "slack"};

enum { FILES_MAX = 6000, PATH_MAX_BYTES = 80 }; /* a file for each item, dead ones besides */

/** Bytes [start, stop) of a file. */
typedef struct region {
    region_kind kind;
    int file;
    size_t start, stop;
    int64_t chunk, block; /* what damage costs; -1: no chunk, or all of its blocks */
} region;

typedef struct map_file {
    char path[PATH_MAX_BYTES];
    uint8_t *bytes; /* the file's own */
    size_t size;
} map_file;

typedef struct region_map {
    map_file files[FILES_MAX];
    int file_count;
    region *items; /* owned */
    int64_t count, room;
} region_map;

static inline void map_free(region_map *map)
{
    free(map->items);
    map->items = NULL;
}

static inline void map_add(region_map *map, region item)
{
    if (item.start >= item.stop) return;
    if (map->count == map->room) {
        map->room = map->room * 2 + 64;
        map->items = need(realloc(map->items, (size_t)map->room * sizeof *map->items));
    }
    map->items[map->count++] = item;
}

static inline bool is_lock_file(const char *path)
{
    size_t length = strlen(path);
    return length >= 6 && strcmp(path + length - 6, "b2lock") == 0;
}

static inline void map_visit(void *context, const char *path, const uint8_t *bytes, size_t size)
{
    region_map *map = context;
    if (!bytes || is_lock_file(path) || map->file_count == FILES_MAX) return;
    map_file *file = &map->files[map->file_count++];
    snprintf(file->path, sizeof file->path, "%s", path);
    file->bytes = (uint8_t *)(uintptr_t)bytes; /* a medium that forgets asks nobody */
    file->size = size;
}

static inline int map_find_file(const region_map *map, const char *path)
{
    for (int i = 0; i < map->file_count; i++)
        if (strcmp(map->files[i].path, path) == 0) return i;
    return -1;
}

static inline uint64_t big_endian(const uint8_t *bytes, int count)
{
    uint64_t value = 0;
    for (int i = 0; i < count; i++) value = value << 8 | bytes[i];
    return value;
}

static inline uint32_t little_endian(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* ------------------------------------------------------------------ chunks */

/** Where the stored bytes of the next block begin. */
static inline int32_t stop_of_block(const blosc2_view *view, int32_t block)
{
    const uint8_t *starts = view->bytes + view->header_bytes;
    int32_t start = (int32_t)little_endian(starts + 4 * block), stop = view->cbytes;
    for (int32_t i = 0; i < view->block_count; i++) {
        int32_t other = (int32_t)little_endian(starts + 4 * i);
        if (other > start && other < stop) stop = other;
    }
    return stop;
}

/** Block 0 is what the others are told from. */
static inline int64_t cost_of_block(const blosc2_view *view, int32_t block)
{
    for (int i = 0; i < BLOSC2_MAX_FILTERS; i++)
        if (view->filters[i] == BLOSC2_DELTA && block == 0) return -1;
    return view->block_count == 1 ? -1 : block;
}

static inline void map_content(region_map *map, const blosc2_view *view, int32_t crcs, region piece)
{
    size_t start = piece.start, base = start - (size_t)view->header_bytes;
    piece.kind = REGION_CONTENT;
    if (view->special || crcs < 2) { /* one checksum for all */
        piece.stop = base + (size_t)view->cbytes;
        map_add(map, piece);
        return;
    }
    if (view->memcpyed) {
        for (int32_t i = 0; i < view->block_count; i++) {
            piece.start = start + (size_t)i * (size_t)view->block_bytes;
            piece.stop = piece.start + (size_t)blosc2_view_block_nbytes(view, i);
            piece.block = cost_of_block(view, i);
            map_add(map, piece);
        }
        return;
    }
    size_t table = base + (size_t)view->header_bytes, content = table + 4 * (size_t)view->block_count;
    for (int32_t i = 0; i < view->block_count; i++) {
        uint32_t at = little_endian(view->bytes + view->header_bytes + 4 * i);
        int64_t cost = view->dict_bytes ? -1 : cost_of_block(view, i);
        map_add(map, (region){REGION_TABLE, piece.file, table + 4 * (size_t)i, table + 4 * (size_t)i + 4,
                              piece.chunk, cost});
        map_add(map, (region){REGION_CONTENT, piece.file, base + at, base + (size_t)stop_of_block(view, i),
                              piece.chunk, cost_of_block(view, i)});
    }
    size_t streams = base + (size_t)view->streams_start;
    if (view->dict_bytes) /* and its size */
        map_add(map, (region){REGION_TABLE, piece.file, content,
                              base + (size_t)(view->dict_start + view->dict_bytes), piece.chunk, -1});
    else
        map_add(map, (region){REGION_TABLE, piece.file, content, streams, piece.chunk, -1});
}

/** A stored chunk that begins at `at`. */
static inline bool map_chunk(region_map *map, int file, size_t at, int64_t chunk, int32_t item_bytes,
                             bool sealed)
{
    const map_file *f = &map->files[file];
    blosc2_view view;
    if (at >= f->size ||
        blosc2_view_init(&view, f->bytes + at, f->size - at, item_bytes, BLOSC2_MAX_CHUNK_BYTES) < 0)
        return false;
    int32_t crcs = b2_postscript_count(&view);
    size_t end = at + (size_t)view.cbytes, content = at + (size_t)view.header_bytes;
    region piece = {REGION_CHUNK_HEADER, file, at, content, chunk, -1};
    map_add(map, piece);
    piece.start = content;
    map_content(map, &view, sealed ? crcs : view.block_count, piece);
    if (!sealed) return true;
    piece = (region){REGION_POSTSCRIPT, file, end, end + (size_t)b2_postscript_bytes(&view), chunk, -1};
    if (piece.stop > f->size) return false;
    map_add(map, piece);
    return true;
}

/* ------------------------------------------------------------------ frames */

static inline bool is_covered(const region_map *map, int file, size_t at, size_t *next)
{
    for (int64_t i = 0; i < map->count; i++)
        if (map->items[i].file == file && map->items[i].start <= at && at < map->items[i].stop) {
            *next = map->items[i].stop;
            return true;
        }
    return false;
}

/** What of [at, stop) is a copy of metadata: all of a file that is one, else what begins with its magic. */
static inline size_t stop_of_copy(const map_file *f, size_t at, size_t stop)
{
    static const uint8_t frame[] = {0x9e, 0xa8, 'b', '2', 'f', 'r', 'a', 'm', 'e'};
    if (at == 0 && stop >= sizeof frame && memcmp(f->bytes, frame, sizeof frame) == 0) return stop;
    if (stop - at < 16 || memcmp(f->bytes + at, b2_copy_magic, B2_COPY_MAGIC_BYTES) != 0) return at;
    size_t bytes = (size_t)b2_copy_stated_bytes(f->bytes + at);
    return bytes && bytes < stop - at ? at + bytes : stop;
}

/** What nothing else is: copies of metadata, and slack. */
static inline void map_rest(region_map *map, int file)
{
    const map_file *f = &map->files[file];
    int64_t count = map->count;
    for (size_t at = 0, next = 0; at < f->size; at = next) {
        if (is_covered(map, file, at, &next)) continue;
        next = f->size;
        for (int64_t i = 0; i < count; i++)
            if (map->items[i].file == file && map->items[i].start > at && map->items[i].start < next)
                next = map->items[i].start;
        for (size_t slack = at, stop; slack < next; slack = stop) {
            size_t copy = slack;
            while (copy < next && stop_of_copy(f, copy, next) == copy) copy++;
            stop = copy < next ? stop_of_copy(f, copy, next) : next;
            map_add(map, (region){REGION_SLACK, file, slack, copy, -1, -1});
            map_add(map, (region){REGION_COPY, file, copy, stop, -1, -1});
        }
    }
}

/** The second copy of tags, index and trailer, of which the copy of the header tells. */
static inline void map_mirror(region_map *map, int file, size_t header_bytes)
{
    const map_file *f = &map->files[file];
    b2_copy copy;
    if (!b2_copy_parse(f->bytes + header_bytes, (int64_t)(f->size - header_bytes), &copy) || copy.mirror < 0)
        return;
    size_t start = header_bytes + (size_t)copy.mirror, stop = start + (size_t)copy.tail_bytes, next;
    for (size_t at = start; at < stop; at++)
        if (at >= f->size || is_covered(map, file, at, &next)) return; /* an older state's */
    map_add(map, (region){REGION_COPY, file, start, stop, -1, -1});
}

/** Header, index, trailer and fingerprint of a file that is a frame. @return False if it is none. */
static inline bool map_frame(region_map *map, int file, bool is_sparse, int64_t stored_count,
                             size_t *header_bytes)
{
    const map_file *f = &map->files[file];
    if (f->size < 120) return false;
    size_t header = (size_t)big_endian(f->bytes + 11, 4), end = (size_t)big_endian(f->bytes + 16, 8);
    uint64_t nbytes = big_endian(f->bytes + 30, 8), section = big_endian(f->bytes + 39, 8);
    if (header < 87 || header > f->size || end > f->size || end < header + 35) return false;
    size_t trailer = end - (size_t)big_endian(f->bytes + end - 22, 4);
    size_t index = nbytes == 0 ? trailer : header + (is_sparse ? 0 : (size_t)section), tags = index;
    uint32_t flags = 0;
    if (trailer < header || trailer > end || index > trailer) return false;
    if (nbytes && b2_fingerprint_read(f->bytes + end - 17, &flags) && (flags & B2_FINGERPRINT_TAGGED))
        tags -= (size_t)b2_tags_bytes(stored_count);
    map_add(map, (region){REGION_HEADER, file, 0, header, -1, -1});
    map_add(map, (region){REGION_INDEX, file, tags, trailer, -1, -1});
    map_add(map, (region){REGION_TRAILER, file, trailer, end - 17, -1, -1});
    map_add(map, (region){REGION_FINGERPRINT, file, end - 17, end, -1, -1});
    *header_bytes = header;
    return true;
}

static inline bool map_chunks(region_map *map, const blosc2_schunk *schunk, const char *path, int file,
                              size_t header_bytes)
{
    int32_t item_bytes = blosc2_schunk_cparams(schunk)->item_bytes;
    bool sealed =
        blosc2_schunk_seal(schunk) == BLOSC2_SEAL_WHOLE || blosc2_schunk_seal(schunk) == BLOSC2_SEAL_LAYERS;
    for (int64_t i = 0; i < blosc2_schunk_chunk_count(schunk); i++) {
        int64_t entry = b2_index_get(&schunk->index, i);
        char name[PATH_MAX_BYTES];
        if (entry < 0) continue;
        size_t at = header_bytes + (size_t)entry;
        if (schunk->home == BLOSC2_HOME_DIRECTORY) {
            snprintf(name, sizeof name, "%s/%08X.chunk", path, (unsigned)entry);
            file = map_find_file(map, name);
            at = 0;
            if (file < 0) return false;
        }
        if (!map_chunk(map, file, at, i, item_bytes, sealed)) return false;
    }
    return true;
}

static inline int64_t count_stored(const blosc2_schunk *schunk)
{
    int64_t count = 0;
    for (int64_t i = 0; i < blosc2_schunk_chunk_count(schunk); i++)
        count += b2_index_get(&schunk->index, i) >= 0;
    return count;
}

/** Map all bytes of an undamaged array. @return False if it cannot be read: it is not undamaged. */
static inline bool map_array(region_map *map, const b2_io *io, const char *path, const blosc2_schunk *schunk)
{
    bool is_sparse = schunk->home == BLOSC2_HOME_DIRECTORY;
    char name[PATH_MAX_BYTES];
    size_t header_bytes = 0;
    memset(map, 0, sizeof *map);
    b2_io_recording_each(io, map_visit, map);
    snprintf(name, sizeof name, is_sparse ? "%s/chunks.b2frame" : "%s", path);
    int file = map_find_file(map, name);
    if (file < 0 || !map_frame(map, file, is_sparse, count_stored(schunk), &header_bytes) ||
        !map_chunks(map, schunk, path, file, header_bytes))
        return false;
    map_mirror(map, file, header_bytes);
    for (int i = 0; i < map->file_count; i++) map_rest(map, i);
    return map->count > 0;
}

#endif
