/** What everything stands on: integers in a stated byte order, arithmetic that tells, memory, messages. */
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/failure.h"
#include "base/memory.h"
#include "check.h"
#include "threads/os.h"

static void test_byte_orders(void)
{
    uint8_t bytes[12] = {0};
    uint8_t *odd = bytes + 1; /* no alignment is needed */
    b2_store_le32(odd, 0x01020304);
    CHECK(!memcmp(odd, "\4\3\2\1", 4) && b2_load_le32(odd) == 0x01020304 && b2_load_be32(odd) == 0x04030201);
    b2_store_be32(odd, 0x01020304);
    CHECK(!memcmp(odd, "\1\2\3\4", 4) && b2_load_be_i32(odd) == 0x01020304);
    b2_store_le64(odd, 0x0102030405060708);
    CHECK(!memcmp(odd, "\10\7\6\5\4\3\2\1", 8) && b2_load_le64(odd) == 0x0102030405060708);
    b2_store_be64(odd, 0x0102030405060708);
    CHECK(!memcmp(odd, "\1\2\3\4\5\6\7\10", 8) && b2_load_be_i64(odd) == 0x0102030405060708);
    b2_store_be16(odd, 0x0102);
    CHECK(b2_load_be16(odd) == 0x0102);
    b2_store_le32(odd, (uint32_t)-5);
    CHECK(b2_load_le_i32(odd) == -5);
    b2_store_le64(odd, (uint64_t)-5);
    CHECK(b2_load_le_i64(odd) == -5);
}

static void test_arithmetic_tells_when_it_overflows(void)
{
    int64_t r = 0;
    CHECK(b2_add_i64(INT64_MAX - 1, 1, &r) && r == INT64_MAX);
    CHECK(!b2_add_i64(INT64_MAX, 1, &r));
    CHECK(!b2_add_i64(INT64_MIN, -1, &r));
    CHECK(b2_mul_i64(INT64_C(1) << 31, INT64_C(1) << 31, &r) && r == INT64_C(1) << 62);
    CHECK(!b2_mul_i64(INT64_C(1) << 32, INT64_C(1) << 31, &r));
    CHECK(b2_mul_i64(INT64_MAX, 0, &r) && r == 0);
    CHECK(b2_ceil_div(0, 3) == 0 && b2_ceil_div(9, 3) == 3 && b2_ceil_div(10, 3) == 4);
    CHECK(b2_ceil_div(INT64_MAX, 2) == (INT64_C(1) << 62));
}

static void test_buffers_grow_and_keep_their_content(void)
{
    b2_buffer buffer = {0};
    CHECK_OK(b2_buffer_reserve(&buffer, 10));
    memcpy(buffer.bytes, "0123456789", 10);
    for (size_t bytes = 11; bytes < 100000; bytes = bytes * 3 / 2)
        CHECK_OK(b2_buffer_reserve(&buffer, bytes));
    CHECK(!memcmp(buffer.bytes, "0123456789", 10));
    uint8_t *before = buffer.bytes;
    size_t capacity = buffer.capacity;
    CHECK_OK(b2_buffer_reserve(&buffer, 5));
    CHECK(buffer.bytes == before && buffer.capacity == capacity);
    b2_memory_fail_after(0);
    CHECK(b2_buffer_reserve(&buffer, capacity + 1) == BLOSC2_E_MEMORY);
    CHECK(b2_malloc(1) == NULL && b2_calloc(1) == NULL);
    b2_memory_fail_after(-1);
    CHECK(buffer.bytes == before && buffer.capacity == capacity);
    b2_buffer_free(&buffer);
    CHECK(!buffer.bytes && !buffer.capacity);
    void *nothing = b2_malloc(0);
    CHECK(nothing != NULL);
    b2_free(nothing);
    b2_free(NULL);
}

static b2_thread_result B2_THREAD_CALL fail_elsewhere(void *unused)
{
    (void)unused;
    blosc2_fail(BLOSC2_E_CODEC, "another thread's");
    return 0;
}

static void test_messages(void)
{
    CHECK(blosc2_fail_io(BLOSC2_E_IO, 5, "/a/path", "cannot read %d bytes", 7) == BLOSC2_E_IO);
    CHECK(!strcmp(blosc2_last_error(), "cannot read 7 bytes") && blosc2_last_os_error() == 5);
    CHECK(blosc2_fail_within(BLOSC2_E_IO, "chunk %d", 3) == BLOSC2_E_IO);
    CHECK(!strcmp(blosc2_last_error(), "chunk 3: cannot read 7 bytes"));
    CHECK(!strcmp(blosc2_last_path(), "/a/path") && blosc2_last_os_error() == 5);
    b2_failure kept;
    b2_failure_save(&kept);
    blosc2_fail(BLOSC2_E_MEMORY, "cleaning failed too");
    CHECK(blosc2_last_os_error() == 0 && blosc2_last_path()[0] == '\0');
    b2_failure_restore(&kept);
    CHECK(!strcmp(blosc2_last_error(), "chunk 3: cannot read 7 bytes"));
    b2_thread thread;
    CHECK(b2_thread_start(&thread, fail_elsewhere, NULL));
    b2_thread_join(thread);
    CHECK(!strcmp(blosc2_last_error(), "chunk 3: cannot read 7 bytes"));
    blosc2_fail(BLOSC2_E_CORRUPT, "a/b: it is gone");
    blosc2_fail_within(BLOSC2_E_CORRUPT, "a/b: chunk 3");
    CHECK(!strcmp(blosc2_last_error(), "a/b: chunk 3: it is gone")); /* once */
    blosc2_fail_within(BLOSC2_E_CORRUPT, "a/b");
    CHECK(!strcmp(blosc2_last_error(), "a/b: chunk 3: it is gone"));
    blosc2_fail_within(BLOSC2_E_CORRUPT, "a");
    CHECK(!strcmp(blosc2_last_error(), "a: a/b: chunk 3: it is gone"));
    for (int i = 0; i < 500; i++) blosc2_fail_within(BLOSC2_E_IO, "longer and longer %d", i);
    CHECK(strlen(blosc2_last_error()) < B2_MESSAGE_BYTES);
}

int main(void)
{
    test_byte_orders();
    test_arithmetic_tells_when_it_overflows();
    test_buffers_grow_and_keep_their_content();
    test_messages();
    return check_result();
}
