/* tune_run.h: `ligerc tune --shapes`: candidates compiled, checked, timed, and the best of them as entries of a table. */
#ifndef LGR_TUNE_RUN_H
#define LGR_TUNE_RUN_H
#include "options.h"

/* old: tables before it, whose entries are kept; NULL: none. */
int tune_run(const Options *o, const char *old);

#endif
