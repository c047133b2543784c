/* options.h: the command line of ligerc. One table (options.c) feeds parsing and help. */
#ifndef LGR_OPTIONS_H
#define LGR_OPTIONS_H
#include "pipeline.h"
#include "source.h"

enum { EXIT_DONE = 0, EXIT_INPUT = 1, EXIT_USAGE = 2, EXIT_FILE = 3, EXIT_UNSUPPORTED = 4, EXIT_CHECK = 5, EXIT_DEVICE = 6, EXIT_INTERNAL = 70 };

enum { OPTIONS_MAX_FIX = 64 };

typedef struct Options {
    const char *command;                     /* a row of commands[] */
    const char *files[256]; uint32_t nfiles;
    const char *output, *emit, *kernel, *schedule, *diagnostics, *color, *depfile;
    const char *fix[OPTIONS_MAX_FIX]; uint32_t nfix;      /* -D, --dtype, --option */
    const Target *targets[TARGET_COUNT]; uint32_t ntargets;
    int jobs, verbose, make_deps, ptx_only, full;
    bool said_targets;
} Options;

/* EXIT_DONE to go on, EXIT_USAGE with a message printed, or -1: help was printed, end with 0. */
int options_parse(int argc, char **argv, Options *o);

/* What the command line asks of one opened spec. Of several specs, each takes the bindings that name something of its own;
 * `fix` holds them and must live as long as the request. */
PipeRequest options_request(const Options *o, const Source *s, const char **fix);
/* The schedules of --schedule into the request; false with a message when one is malformed. */
bool options_schedules(const Options *o, Arena *a, PipeRequest *r);

int cmd_build(const Options *o);
int cmd_check(const Options *o);
int cmd_targets(const Options *o);
int cmd_ops(const Options *o);
int cmd_explain(const Options *o);

/* Prints what was collected, as asked for; nothing when there is nothing. */
void show_diagnostics(const Options *o, const Diag *d);

#endif
