/* options.h: the command line of ligerc. Tables (option.def, command.def, exit.def) feed parsing, help, manual and completions. */
#ifndef LGR_OPTIONS_H
#define LGR_OPTIONS_H
#include "pipeline.h"
#include "source.h"

enum {
#define X(id, number, doc) EXIT_##id = number,
#include "exit.def"
#undef X
};

enum { OPTIONS_MAX_FIX = 64, OPTIONS_MAX_FILES = 256 };

typedef struct Options {
    Arena *words;                            /* holds what the command line said */
    const char *line;                        /* all of it, to be given to a shell again */
    const char *command;                     /* a name of command.def */
    const char *files[OPTIONS_MAX_FILES]; uint32_t nfiles;
    const char *output, *kernel, *schedule, *diagnostics, *format, *color, *depfile, *lengths, *shapes, *budget, *effort, *html, *tuned;
    const char *fix[OPTIONS_MAX_FIX]; uint32_t nfix;      /* -D, --dtype, --option */
    const Target *targets[TARGET_COUNT]; uint32_t ntargets;
    uint32_t emits;                          /* bit set of EmitId */
    int jobs, verbose, make_deps, ptx_only, full, defaults, fallback, checked, candidates, loss, help, version;
    const char *tuned_text;                  /* of --tuned; NULL: the table built in */
    bool said_targets;
    Diag *report;                            /* collects diagnostics; NULL: they are printed as they come */
} Options;

typedef enum OptionId {
#define X(id, ...) OPTION_##id,
#include "option.def"
#undef X
    OPTION_COUNT
} OptionId;

enum { OPTION_TEXT, OPTION_NUMBER, OPTION_FLAG, OPTION_CALL };
typedef struct Option {
    const char *name; char letter; int dashes, kind; size_t at;
    const char *argument, *values, *commands, *doc;
} Option;
const Option *option_get(OptionId id);
bool option_is_of(const Option *p, const char *command);

typedef struct Command { const char *name; int (*run)(const Options *); const char *arguments, *values, *doc; } Command;
const Command *command_at(size_t i);                   /* NULL behind the last */
const Command *command_find(const char *name);         /* NULL when there is none */

/* EXIT_DONE to go on, or EXIT_USAGE with a message printed. Free it in either case. */
int  options_parse(int argc, char **argv, Options *o);
void options_free(Options *o);

/* Opens every file into src (nfiles of them; close them whatever comes back).  EXIT_DONE when all are sound and every binding of the
 * command line names something of one of them; otherwise the diagnostics have been shown. */
int  request_open(const Options *o, Source *src);
void request_close(const Options *o, Source *src);
/* What the command line asks of one opened spec. Of several specs, each takes the bindings that name something of its own;
 * `fix` holds them and must live as long as the request. */
PipeRequest request_of(const Options *o, const Source *s, const char **fix);

#define X(id, ...) int cmd_##id(const Options *o);
#include "command.def"
#undef X
int cmd_help(const Options *o);
int cmd_version(const Options *o);

/* A whole file and a NUL behind it; false with a message on stderr. */
bool read_file(const char *path, Buf *out);

/* A line of what became of a unit (-v), and one for each variant (-vv). */
void show_unit(const Options *o, const SemaOp *op, const PipeUnit *u, Arena *a);
/* Prints what was collected, or keeps it for the end, as asked for. */
void show_diagnostics(const Options *o, const Diag *d);

#endif
