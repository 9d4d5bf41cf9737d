#include "schunk/file_numbers.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "blosc2.h"

static int allocate(int64_t count, b2_file_numbers *out)
{
    *out = (b2_file_numbers){b2_malloc((size_t)count * sizeof *out->items), 0};
    if (out->items) return BLOSC2_OK;
    return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a list of %lld chunk files", (long long)count);
}

static int compare_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int b2_file_numbers_of(const b2_index *index, b2_file_numbers *out)
{
    int64_t most = index->entries ? index->count : index->count > 0 && index->uniform >= 0;
    b2_file_numbers numbers;
    bool ascends = true;
    int status = allocate(most, &numbers);
    if (status < 0) return status;
    for (int64_t i = 0; i < most; i++) {
        int64_t number = b2_index_get(index, i);
        if (number < 0) continue;
        ascends &= numbers.count == 0 || numbers.items[numbers.count - 1] < number;
        numbers.items[numbers.count++] = number;
    }
    if (!ascends) qsort(numbers.items, (size_t)numbers.count, sizeof *numbers.items, compare_i64);
    b2_file_numbers_free(out);
    *out = numbers;
    return BLOSC2_OK;
}

int b2_file_numbers_copy(const b2_file_numbers *from, b2_file_numbers *out)
{
    b2_file_numbers numbers;
    int status = allocate(from->count, &numbers);
    if (status < 0) return status;
    if (from->count) memcpy(numbers.items, from->items, (size_t)from->count * sizeof *numbers.items);
    numbers.count = from->count;
    *out = numbers;
    return BLOSC2_OK;
}

bool b2_file_numbers_have(const b2_file_numbers *numbers, int64_t number)
{
    int64_t low = 0, high = numbers->count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (numbers->items[middle] < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < numbers->count && numbers->items[low] == number;
}

void b2_file_numbers_free(b2_file_numbers *numbers)
{
    b2_free(numbers->items);
    *numbers = (b2_file_numbers){0};
}
