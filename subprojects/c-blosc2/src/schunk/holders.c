#include "schunk/holders.h"

bool b2_holders_need(const b2_holders *holders, b2_numbers numbers)
{
    if (holders->held == B2_HELD_UNKNOWN) return true;
    for (int i = 0; i < holders->count; i++) {
        b2_numbers run = holders->runs[i];
        if (run.first < numbers.first + numbers.count && numbers.first < run.first + run.count) return true;
    }
    return false;
}

bool b2_holders_are_told(const b2_holders *holders)
{
    if (holders->held == B2_HELD_UNKNOWN) return false;
    for (int i = 0; i < holders->count; i++)
        if (holders->runs[i].count >= B2_NUMBERS) return false;
    return true;
}
