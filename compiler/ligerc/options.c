/* options.c: see options.h. */
#define _GNU_SOURCE
#include "options.h"
#include "emit.h"

#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPT_TARGET = 1, OPT_FIX, OPT_VERBOSE, OPT_EMIT };

static const char *const commands[] = {"build", "check", "inspect", "targets", "ops", "explain"};

/* The table's own text, which outlives the parser's. */
static const char *command_of(const char *s)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (!strcmp(commands[i], s))
            return commands[i];
    return NULL;
}

/* The next name of a comma list, moved past; empty names are passed over. */
static bool next_name(const char **list, char *name, size_t size)
{
    *list += strspn(*list, ",");
    size_t n = strcspn(*list, ",");
    snprintf(name, size, "%.*s", (int)n, *list);
    *list += n;
    return n > 0;
}

static int add_targets(Options *o, const char *list)
{
    char name[32];
    while (next_name(&list, name, sizeof name)) {
        const Target *t = target_find(name);
        bool twice = false;
        if (!t) {
            fprintf(stderr, "ligerc: no target %s; `ligerc targets` lists them\n", name);
            return EXIT_USAGE;
        }
        for (uint32_t i = 0; i < o->ntargets; i++)
            twice |= o->targets[i] == t;
        if (!twice)
            o->targets[o->ntargets++] = t;
    }
    return EXIT_DONE;
}

static int add_emits(Options *o, const char *list)
{
    char name[32];
    while (next_name(&list, name, sizeof name)) {
        const char *names[EMIT_COUNT];
        for (int i = 0; i < EMIT_COUNT; i++)
            names[i] = emit_get((EmitId)i)->name;
        const char *near = diag_nearest(name, names, EMIT_COUNT);
        int e = emit_find(name);
        if (e < 0) {
            fprintf(stderr, near ? "ligerc: --emit: no %s; did you mean %s?\n" : "ligerc: --emit: no %s; --help lists what there is\n", name, near);
            return EXIT_USAGE;
        }
        o->emits |= 1u << e;
    }
    return EXIT_DONE;
}

static int handle(Options *o, int code, char *arg)
{
    if (code == OPT_VERBOSE) {
        o->verbose++;
        return EXIT_DONE;
    }
    if (code == OPT_TARGET)
        return add_targets(o, arg);
    if (code == OPT_EMIT)
        return add_emits(o, arg);
    if (o->nfix == OPTIONS_MAX_FIX) {
        fprintf(stderr, "ligerc: too many bindings\n");
        return EXIT_USAGE;
    }
    o->fix[o->nfix++] = arg;
    return EXIT_DONE;
}

static int take_files(poptContext c, Options *o)
{
    for (const char *f; (f = poptGetArg(c));) {
        if (!o->command && (o->command = command_of(f)))
            continue;
        if (o->nfiles == OPTIONS_MAX_FILES) {
            fprintf(stderr, "ligerc: too many files\n");
            return EXIT_USAGE;
        }
        o->files[o->nfiles++] = strdup(f);
    }
    if (!o->command)
        o->command = "build";
    return EXIT_DONE;
}

int options_parse(int argc, char **argv, Options *o)
{
    *o = (Options){.jobs = (int)sysconf(_SC_NPROCESSORS_ONLN), .diagnostics = "text", .format = "text", .color = "auto"};
    struct poptOption table[] = {
        {"output", 'o', POPT_ARG_STRING, &o->output, 0, "where to write; - is standard output", "FILE"},
        {"target", 't', POPT_ARG_STRING, NULL, OPT_TARGET, "targets to build for (host)", "LIST"},
        {"emit", 'e', POPT_ARG_STRING, NULL, OPT_EMIT, "what to write (pack)", "LIST"},
        {"define", 'D', POPT_ARG_STRING, NULL, OPT_FIX, "only bindings with this type or option", "NAME=VALUE"},
        {"dtype", 0, POPT_ARG_STRING, NULL, OPT_FIX, "the same, for a type", "NAME=VALUE"},
        {"option", 0, POPT_ARG_STRING, NULL, OPT_FIX, "the same, for an option", "NAME=VALUE"},
        {"kernel", 'k', POPT_ARG_STRING, &o->kernel, 0, "only this kernel", "NAME"},
        {"schedule", 's', POPT_ARG_STRING, &o->schedule, 0, "one schedule instead of the model's", "TEXT"},
        {"jobs", 'j', POPT_ARG_INT, &o->jobs, 0, "threads", "N"},
        {"ptx", 0, POPT_ARG_NONE, &o->ptx_only, 0, "PTX in the pack even where ptxas is installed", NULL},
        {"full", 0, POPT_ARG_NONE, &o->full, 0, "check: many more and larger cases", NULL},
        {"MD", 0, POPT_ARG_NONE | POPT_ARGFLAG_ONEDASH, &o->make_deps, 0, "write a make rule beside the output", NULL},
        {"MF", 0, POPT_ARG_STRING | POPT_ARGFLAG_ONEDASH, &o->depfile, 0, "where to write it", "FILE"},
        {"diagnostics", 0, POPT_ARG_STRING, &o->diagnostics, 0, "text, json or sarif", "FORM"},
        {"format", 0, POPT_ARG_STRING, &o->format, 0, "inspect: text or json", "FORM"},
        {"color", 0, POPT_ARG_STRING, &o->color, 0, "auto, always or never", "WHEN"},
        {"verbose", 'v', POPT_ARG_NONE, NULL, OPT_VERBOSE, "a line for each unit: variants, time, registers, spills; twice: each variant", NULL},
        POPT_AUTOHELP POPT_TABLEEND};
    poptContext c = poptGetContext("ligerc", argc, (const char **)argv, table, 0);
    poptSetOtherOptionHelp(c, "[build|check|inspect|targets|ops|explain] [options] FILE...");
    int status = EXIT_DONE;
    for (int code; status == EXIT_DONE && (code = poptGetNextOpt(c)) != -1;) {
        if (code < -1) {
            fprintf(stderr, "ligerc: %s: %s\n", poptBadOption(c, POPT_BADOPTION_NOALIAS), poptStrerror(code));
            status = EXIT_USAGE;
        } else {
            status = handle(o, code, poptGetOptArg(c));
        }
    }
    if (status == EXIT_DONE)
        status = take_files(c, o);
    poptFreeContext(c);
    o->said_targets = o->ntargets > 0;
    if (!o->emits)
        o->emits = 1;
    if (!o->ntargets)
        o->targets[o->ntargets++] = target_get(TARGET_HOST);
    return status;
}
