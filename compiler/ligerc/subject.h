/* subject.h: what bench and tune measure: a pack in memory, made from specs or read, its cases, and the copy op beside it. */
#ifndef LGR_SUBJECT_H
#define LGR_SUBJECT_H
#include "cases.h"

#include <signal.h>

typedef struct Subject {
    Arena *arena;
    const Target *target;
    Buf    pack, copy;
    Cases  cases;
} Subject;

typedef struct SubjectWish {
    uint32_t candidates;                     /* for each row length of the cases; 0: what a build would make */
    bool     bundle;                         /* --lengths instead of cases */
    double   until;                          /* milliseconds of CLOCK_MONOTONIC: later, candidates are no longer compiled; 0: no end */
    const volatile sig_atomic_t *stop;
} SubjectWish;

/* The target that is measured: the first of the command line, else the GPU where there is one, else the host. EXIT_DONE, or why not is on stderr. */
int  subject_target(const Options *o, const Target **out);
/* Files that end in .txt are passed over. EXIT_DONE, or the diagnostics have been shown. Close it in either case. */
int  subject_open(const Options *o, const Target *t, const SubjectWish *w, Subject *out);
void subject_close(Subject *s);

/* EXIT_DONE, or EXIT_FILE with a message: what the command line names is not there. */
int  files_there(const Options *o);
bool path_ends(const char *path, const char *with);

#endif
