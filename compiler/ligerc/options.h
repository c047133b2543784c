/* options.h: the command line of ligerc. One table (options.c) feeds parsing and help. */
#ifndef LGR_OPTIONS_H
#define LGR_OPTIONS_H
#include "pipeline.h"
#include "source.h"

enum { EXIT_DONE = 0, EXIT_INPUT = 1, EXIT_USAGE = 2, EXIT_FILE = 3, EXIT_UNSUPPORTED = 4, EXIT_CHECK = 5, EXIT_DEVICE = 6, EXIT_INTERNAL = 70 };

enum { OPTIONS_MAX_FIX = 64, OPTIONS_MAX_FILES = 256 };

typedef struct Options {
    const char *command;                     /* a row of commands[] */
    const char *files[OPTIONS_MAX_FILES]; uint32_t nfiles;
    const char *output, *kernel, *schedule, *diagnostics, *format, *color, *depfile;
    const char *fix[OPTIONS_MAX_FIX]; uint32_t nfix;      /* -D, --dtype, --option */
    const Target *targets[TARGET_COUNT]; uint32_t ntargets;
    uint32_t emits;                          /* bit set of EmitId */
    int jobs, verbose, make_deps, ptx_only, full;
    bool said_targets;
    Diag *report;                            /* collects diagnostics; NULL: they are printed as they come */
} Options;

/* EXIT_DONE to go on, EXIT_USAGE with a message printed, or -1: help was printed, end with 0. */
int options_parse(int argc, char **argv, Options *o);

/* Opens every file into src (nfiles of them; close them whatever comes back).  EXIT_DONE when all are sound and every binding of the
 * command line names something of one of them; otherwise the diagnostics have been shown. */
int  request_open(const Options *o, Source *src);
void request_close(const Options *o, Source *src);
/* What the command line asks of one opened spec. Of several specs, each takes the bindings that name something of its own;
 * `fix` holds them and must live as long as the request. */
PipeRequest request_of(const Options *o, const Source *s, const char **fix);

int cmd_build(const Options *o);
int cmd_check(const Options *o);
int cmd_inspect(const Options *o);
int cmd_targets(const Options *o);
int cmd_ops(const Options *o);
int cmd_explain(const Options *o);

/* Prints what was collected, or keeps it for the end, as asked for. */
void show_diagnostics(const Options *o, const Diag *d);

#endif
