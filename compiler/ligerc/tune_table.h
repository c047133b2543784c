/* tune_table.h: measurements of candidates, and what is made of them: a table of the best schedules, and the model's loss.
 *
 * Measurements are rows of lgr_tune's CSV, whose columns are found by the names in its head.  The table's form: compiler/sched/sched_tuned.c.
 */
#ifndef LGR_TUNE_TABLE_H
#define LGR_TUNE_TABLE_H
#include "sched.h"

typedef struct TuneRow {
    const char *text, *target, *fate, *schedule;   /* text: the case; target: "" where the file does not say */
    uint32_t variant, nest;
    int64_t n, instances;                          /* row length; rows, 0 where the file does not say */
    double us, copy;
    bool model;                                    /* the model's own choice */
} TuneRow;
typedef struct TuneRows { TuneRow *r; uint32_t n, cap; } TuneRows;

/* Adds the rows of a file's text; false when its first line is no such head. */
bool tune_rows_read(const char *text, Arena *a, TuneRows *out);
/* The table, an entry for each length and bucket of sizes: buckets are as wide as one schedule serves. `target` NULL: as the rows say,
 * sm_90a where they do not. `old`: tables before it, whose entries stay where nothing was measured; may be NULL. */
void tune_table(const TuneRows *rows, const char *target, const char *old, Arena *a, Buf *out);
/* For each case the model's choice beside the best, then the mean and the worst; false when no case has both. */
bool tune_loss(const TuneRows *rows, Arena *a, Buf *out);

#endif
