#include "schunk/sparse_copy.h"

#include <string.h>

#include "base/bytes.h"
#include "base/failure.h"
#include "blosc2.h"
#include "checksum/crc32c.h"

/* The foot; all numbers are little-endian. */
enum {
    FRAME_BYTES = 8,
    DEVICE = 16,
    NUMBER = 24,
    INDEX_NUMBER = 32,
    SECONDS = 40,
    NANOSECONDS = 48,
    CRC = 52
};
static const uint8_t MAGIC_BYTES[8] = {'c', 'a', 't', 'c', 'o', 'p', 'y', 0x1a};

void b2_sparse_foot_build(uint8_t *bytes, int64_t frame_bytes, const b2_identity *own,
                          const b2_identity *index)
{
    uint8_t *foot = bytes + frame_bytes;
    memcpy(foot, MAGIC_BYTES, sizeof MAGIC_BYTES);
    b2_store_le64(foot + FRAME_BYTES, (uint64_t)frame_bytes);
    b2_store_le64(foot + DEVICE, own->device);
    b2_store_le64(foot + NUMBER, own->number);
    b2_store_le64(foot + INDEX_NUMBER, index->number);
    b2_store_le64(foot + SECONDS, (uint64_t)index->seconds);
    b2_store_le32(foot + NANOSECONDS, (uint32_t)index->nanoseconds);
    b2_store_le32(foot + CRC, b2_crc32c(0, bytes, (size_t)frame_bytes + CRC));
}

/* What the foot says of the frame, or 0: it is no foot of a file of that size. */
static int64_t stated_frame_bytes(const uint8_t *foot, int64_t file_bytes)
{
    if (memcmp(foot, MAGIC_BYTES, sizeof MAGIC_BYTES) != 0) return 0;
    uint64_t frame_bytes = b2_load_le64(foot + FRAME_BYTES);
    return frame_bytes == (uint64_t)(file_bytes - B2_SPARSE_FOOT_BYTES) ? file_bytes - B2_SPARSE_FOOT_BYTES
                                                                        : 0;
}

static int read_bytes(const b2_io *io, b2_file *file, int64_t most, b2_sparse_copy *out)
{
    int64_t size = 0;
    uint8_t foot[B2_SPARSE_FOOT_BYTES];
    int status = io->size(io->context, file, &size);
    if (status < 0 || size <= B2_SPARSE_FOOT_BYTES || (uint64_t)size > SIZE_MAX / 2) return status;
    status = io->read(io->context, file, foot, sizeof foot, size - B2_SPARSE_FOOT_BYTES);
    if (status < 0) return status;
    int64_t frame_bytes = stated_frame_bytes(foot, size);
    if (frame_bytes == 0 || (most > 0 && frame_bytes > most)) return BLOSC2_OK;
    status = b2_buffer_reserve_exactly(&out->bytes, (size_t)size);
    if (status == BLOSC2_OK) status = io->read(io->context, file, out->bytes.bytes, (size_t)size, 0);
    if (status < 0) return status;
    const uint8_t *end = out->bytes.bytes + frame_bytes;
    if (b2_load_le32(end + CRC) != b2_crc32c(0, out->bytes.bytes, (size_t)frame_bytes + CRC))
        return BLOSC2_OK;
    out->frame_bytes = frame_bytes;
    out->state = B2_SPARSE_COPY_WHOLE;
    return BLOSC2_OK;
}

static int read_copy(const b2_io *io, const char *path, int64_t most, b2_sparse_copy *out)
{
    b2_identity identity;
    b2_file *file;
    int status = io->identity(io->context, path, &identity);
    if (status == BLOSC2_E_NOT_FOUND) return BLOSC2_OK;
    out->state = B2_SPARSE_COPY_DAMAGED;
    if (status == BLOSC2_OK) status = io->open(io->context, path, B2_OPEN_READ_INSIDE, &file);
    if (status < 0) return status;
    status = read_bytes(io, file, most, out);
    io->close(io->context, file);
    if (status < 0 || out->state != B2_SPARSE_COPY_WHOLE) return status;
    const uint8_t *foot = out->bytes.bytes + out->frame_bytes;
    out->is_in_place =
        b2_load_le64(foot + DEVICE) == identity.device && b2_load_le64(foot + NUMBER) == identity.number;
    out->index = (b2_identity){.number = b2_load_le64(foot + INDEX_NUMBER),
                               .bytes = out->frame_bytes,
                               .seconds = (int64_t)b2_load_le64(foot + SECONDS),
                               .nanoseconds = b2_load_le32(foot + NANOSECONDS)};
    return BLOSC2_OK;
}

int b2_sparse_copy_read(const b2_io *io, const char *directory, int64_t most, b2_sparse_copy *out)
{
    b2_failure failure;
    *out = (b2_sparse_copy){0};
    char *path = b2_io_join(directory, "/", B2_SPARSE_COPY_NAME);
    if (!path) return BLOSC2_E_MEMORY;
    b2_failure_save(&failure);
    int status = read_copy(io, path, most, out);
    b2_free(path);
    if (status == BLOSC2_E_MEMORY) {
        b2_sparse_copy_free(out);
        return status;
    }
    b2_failure_restore(&failure); /* a copy that cannot be read is no reason not to read the index */
    if (out->state != B2_SPARSE_COPY_WHOLE) b2_buffer_free(&out->bytes);
    return BLOSC2_OK;
}

void b2_sparse_copy_free(b2_sparse_copy *copy)
{
    b2_buffer_free(&copy->bytes);
    *copy = (b2_sparse_copy){0};
}
