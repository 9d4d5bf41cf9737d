/** Damage to an array's files: bits that flip, files that lose their end; and how it is undone. */
#ifndef CAT_TESTS_LIVES_DAMAGE_H
#define CAT_TESTS_LIVES_DAMAGE_H

#include "life.h"

/** What damage of a region costs. */
static inline void take_damage(life *l, const region *r)
{
    bool is_metadata = r->kind == REGION_HEADER || r->kind == REGION_INDEX || r->kind == REGION_TRAILER ||
                       r->kind == REGION_FINGERPRINT;
    l->regions[r->kind] = true;
    l->metadata_hurt += is_metadata;
    l->copies_hurt +=
        r->kind == REGION_COPY || (is_metadata && l->past_count); /* of what is not flushed there is one */
    if (is_metadata && !l->is_sealed) l->is_unjudged = true;
    truth_hurt(&l->now, r->chunk, r->block);
    if (r->kind != REGION_COPY && !is_metadata)
        for (int i = 0; i < l->past_count; i++) truth_doubt(&l->past[i]);
    if (l->later.items) truth_doubt(&l->later);
    if (!l->reader.array) return;
    if (l->reader_is_behind)
        truth_doubt(&l->seen);
    else
        truth_hurt(&l->seen, r->chunk, r->block);
}

/** A region, each kind as likely as another, or by their sizes. */
static inline const region *random_region(const region_map *map)
{
    if (random_in(0, 2)) {
        region_kind kind = (region_kind)random_in(0, REGIONS - 1);
        int64_t count = 0;
        for (int64_t i = 0; i < map->count; i++) count += map->items[i].kind == kind;
        int64_t which = count ? random_in(0, count - 1) : -1;
        for (int64_t i = 0; i < map->count && count; i++)
            if (map->items[i].kind == kind && which-- == 0) return &map->items[i];
    }
    return &map->items[random_in(0, map->count - 1)];
}

static inline bool is_flipped_already(const life *l, const flip *f)
{
    for (int i = 0; i < l->flip_count; i++)
        if (l->flips[i].at == f->at && l->flips[i].mask == f->mask && strcmp(l->flips[i].path, f->path) == 0)
            return true;
    return false;
}

enum { CBYTES_AT = 12 }; /* of a chunk's header: how long it is, where its neighbours begin */

static inline void flip_one(life *l, const region_map *map)
{
    const region *r = random_region(map);
    const map_file *file = &map->files[r->file];
    flip f = {.at = (size_t)random_in((int64_t)r->start, (int64_t)r->stop - 1),
              .mask = (uint8_t)(1u << random_in(0, 7)),
              .region = r->kind};
    if (random_in(0, 3) == 0) f.at = r->start + (f.at - r->start) % 32; /* where more depends on it */
    if (r->kind == REGION_CHUNK_HEADER && random_in(0, 1)) f.at = r->start + CBYTES_AT + (f.at & 1);
    if (f.at >= r->stop) f.at = r->start;
    snprintf(f.path, sizeof f.path, "%s", file->path);
    if (is_flipped_already(l, &f)) return;
    file->bytes[f.at] ^= f.mask;
    l->flips[l->flip_count++] = f;
    take_damage(l, r);
    tell(l, "  bit 0x%02x of byte %zu of %s: %s, chunk %d, block %d (bytes [%zu, %zu))", f.mask, f.at, f.path,
         REGION_NAMES[r->kind], (int)r->chunk, (int)r->block, r->start, r->stop);
}

/** Cut a file short. What that costs is not known. */
static inline void cut_one(life *l, const region_map *map)
{
    const map_file *file = &map->files[random_in(0, map->file_count - 1)];
    size_t bytes = (size_t)random_in(0, (int64_t)file->size);
    if (random_in(0, 1) && file->size > 40) bytes = file->size - (size_t)random_in(1, 40);
    b2_file *open;
    if (bytes >= file->size) return;
    l->cut_size = file->size - bytes;
    l->cut_bytes = need(malloc(l->cut_size));
    memcpy(l->cut_bytes, file->bytes + bytes, l->cut_size);
    snprintf(l->cut_path, sizeof l->cut_path, "%s", file->path);
    tell(l, "  %s is cut: %zu of %zu bytes", file->path, bytes, file->size);
    CHECK_OK(l->io->open(l->io->context, l->cut_path, B2_OPEN_UPDATE, &open));
    CHECK_OK(l->io->truncate(l->io->context, open, (int64_t)bytes));
    l->io->close(l->io->context, open);
    l->is_cut = true;
    truth_doubt(&l->now);
    for (int i = 0; i < l->past_count; i++) truth_doubt(&l->past[i]);
    if (l->later.items) truth_doubt(&l->later);
    if (l->reader.array) truth_doubt(&l->seen);
}

/** Damage the array, if it is known which byte is what. */
static inline void do_damage(life *l, int flips, bool cuts)
{
    static region_map map;
    caterva_array *array = NULL;
    if (!truth_is_intact(&l->now) || l->metadata_hurt || l->copies_hurt || l->is_cut || l->is_unjudged)
        return;
    if (caterva_array_open(ARRAY_PATH, 0, BLOSC2_READ, &array) < 0) return;
    bool can = map_array(&map, l->io, ARRAY_PATH, caterva_array_schunk(array));
    caterva_array_free(array);
    if (!can) found(l, "an undamaged array cannot be mapped: %s", blosc2_last_error());
    if (can) {
        l->commits_since_damage = 0;
        l->flip_count = 0;
        for (int i = 0; i < flips; i++) flip_one(l, &map);
        if (cuts) cut_one(l, &map);
        l->records_at_damage = b2_io_recording_count(l->io);
    }
    map_free(&map);
}

static inline void undo_flip(life *l, const flip *f)
{
    region_map map = {0};
    b2_io_recording_each(l->io, map_visit, &map);
    int file = map_find_file(&map, f->path);
    if (file >= 0 && f->at < map.files[file].size) map.files[file].bytes[f->at] ^= f->mask;
}

/**
 * Undo all damage, if nothing was committed since: what cannot be opened was not written to, so that it is
 * all there again.
 */
static inline bool undo_damage(life *l)
{
    b2_file *open;
    int64_t size;
    if (l->commits_since_damage || (!l->flip_count && !l->is_cut)) return false;
    if (l->fell_back || something_was_written(l, l->records_at_damage)) return false;
    tell(l, "  all damage is undone");
    if (l->is_cut) {
        CHECK_OK(l->io->open(l->io->context, l->cut_path, B2_OPEN_UPDATE, &open));
        CHECK_OK(l->io->size(l->io->context, open, &size));
        CHECK_OK(l->io->write(l->io->context, open, l->cut_bytes, l->cut_size, size));
        l->io->close(l->io->context, open);
        free(l->cut_bytes);
        l->cut_bytes = NULL;
        l->is_cut = false;
    }
    for (int i = 0; i < l->flip_count; i++) undo_flip(l, &l->flips[i]);
    l->flip_count = l->metadata_hurt = l->copies_hurt = 0;
    l->is_unjudged = false;
    memset(l->now.chunks, 0, (size_t)(l->now.chunk_count * (l->now.block_count + 1)));
    if (l->reader.array) truth_doubt(&l->seen);
    return true;
}

#endif
