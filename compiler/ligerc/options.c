/* options.c: see options.h. */
#define _GNU_SOURCE
#include "options.h"
#include "emit.h"

#include <popt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const Option options[] = {
#define X(id, name, letter, dashes, kind, field, argument, values, commands, doc) \
    {name, letter, dashes, OPTION_##kind, offsetof(Options, field), argument, values, commands, doc},
#include "option.def"
#undef X
};

static const Command commands[] = {
#define X(id, name, arguments, values, doc) {name, cmd_##id, arguments, values, doc},
#include "command.def"
#undef X
};

const Option *option_get(OptionId id) { return &options[id]; }

const Command *command_at(size_t i) { return i < sizeof commands / sizeof *commands ? &commands[i] : NULL; }

const Command *command_find(const char *name)
{
    for (size_t i = 0; command_at(i); i++)
        if (!strcmp(commands[i].name, name))
            return &commands[i];
    return NULL;
}

/* Whether word is one of a list that spaces divide. */
static bool in_words(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = list; *p; p += strcspn(p, " "), p += *p == ' ')
        if (strcspn(p, " ") == n && !memcmp(p, word, n))
            return true;
    return false;
}

bool option_is_of(const Option *p, const char *command) { return !*p->commands || in_words(p->commands, command); }

static int usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int usage(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("ligerc: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputs("\n", stderr);
    va_end(ap);
    return EXIT_USAGE;
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
        if (!t)
            return usage("no target %s; `ligerc targets` lists them", name);
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
        if (e < 0)
            return near ? usage("--emit: no %s; did you mean %s?", name, near) : usage("--emit: no %s; --help lists what there is", name);
        o->emits |= 1u << e;
    }
    return EXIT_DONE;
}

static int add_fix(Options *o, const char *binding)
{
    if (o->nfix == OPTIONS_MAX_FIX)
        return usage("more than %d bindings", OPTIONS_MAX_FIX);
    o->fix[o->nfix++] = binding;
    return EXIT_DONE;
}

/* An option that the parser does not store itself. arg: NULL where it has none. */
static int handle(Options *o, OptionId id, const char *arg)
{
    if (options[id].kind == OPTION_TEXT)
        *(const char **)((char *)o + options[id].at) = arg;
    switch (id) {
    case OPTION_TARGET:  return add_targets(o, arg);
    case OPTION_EMIT:    return add_emits(o, arg);
    case OPTION_VERBOSE: return o->verbose++, EXIT_DONE;
    case OPTION_DEFINE:
    case OPTION_DTYPE:
    case OPTION_OPTION:  return add_fix(o, arg);
    default:             return EXIT_DONE;
    }
}

/* A first word that is no command and no file was meant as a command. */
static int take_command(Options *o, const char *word)
{
    const char *names[sizeof commands / sizeof *commands];
    const Command *c = command_find(word);
    o->command = c ? c->name : commands[0].name;
    if (c || strpbrk(word, "./-") || !access(word, F_OK))
        return EXIT_DONE;
    for (size_t i = 0; command_at(i); i++)
        names[i] = commands[i].name;
    const char *near = diag_nearest(word, names, sizeof names / sizeof *names);
    return near ? usage("no command or file %s; did you mean %s?", word, near) : EXIT_DONE;
}

static int take_files(poptContext c, Options *o)
{
    int status = EXIT_DONE;
    for (const char *f; status == EXIT_DONE && (f = poptGetArg(c));) {
        if (!o->command) {
            status = take_command(o, f);
            if (status != EXIT_DONE || command_find(f))
                continue;
        }
        if (o->nfiles == OPTIONS_MAX_FILES)
            return usage("more than %d files", OPTIONS_MAX_FILES);
        o->files[o->nfiles++] = arena_strf(o->words, "%s", f);
    }
    if (!o->command)
        o->command = commands[0].name;
    return status;
}

/* Each option that was given: is it of this command, is its value one of those it has. */
static int check_given(const Options *o, uint64_t given)
{
    for (int i = 0; i < OPTION_COUNT; i++) {
        const Option *p = &options[i];
        if (!(given >> i & 1))
            continue;
        if (!o->help && !option_is_of(p, o->command))
            return usage("%s takes no %s%s; it is an option of: %s", o->command, p->dashes == 1 ? "-" : "--", p->name, p->commands);
        if (p->kind == OPTION_TEXT && *p->values && *p->values != '<') {
            const char *value = *(const char *const *)((const char *)o + p->at);
            if (!in_words(p->values, value))
                return usage("--%s=%s: wanted one of: %s", p->name, value, p->values);
        }
    }
    return o->jobs < 1 ? usage("--jobs=%d: wanted at least 1", o->jobs) : EXIT_DONE;
}

/* The parser's table. Every option is reported by its number + 1; numbers and flags are stored as well. */
static void fill_table(Options *o, struct poptOption *table)
{
    for (int i = 0; i < OPTION_COUNT; i++) {
        const Option *p = &options[i];
        bool stored = p->kind == OPTION_NUMBER || p->kind == OPTION_FLAG;
        unsigned info = p->kind == OPTION_NUMBER ? POPT_ARG_INT : p->argument ? POPT_ARG_STRING : POPT_ARG_NONE;
        if (p->dashes == 1)
            info |= POPT_ARGFLAG_ONEDASH;
        table[i] = (struct poptOption){p->name, p->letter, info, stored ? (char *)o + p->at : NULL, i + 1, p->doc, p->argument};
    }
    table[OPTION_COUNT] = (struct poptOption)POPT_TABLEEND;
}

bool read_file(const char *path, Buf *out)
{
    char piece[4096];
    FILE *f = fopen(path, "rb");
    for (size_t n; f && (n = fread(piece, 1, sizeof piece, f)) > 0;)
        buf_put(out, piece, n);
    bool ok = f && !ferror(f);
    if (!ok)
        fprintf(stderr, "ligerc: %s: cannot be read\n", path);
    if (f)
        fclose(f);
    buf_put(out, "", 1);
    return ok;
}

/* The table of --tuned; `none` is an empty one. */
static int read_tuned(Options *o)
{
    Buf b = {0};
    bool ok = !o->tuned || !strcmp(o->tuned, "none") || read_file(o->tuned, &b);
    if (o->tuned && ok)
        o->tuned_text = arena_strf(o->words, "%s", b.p ? b.p : "");
    buf_free(&b);
    return ok ? EXIT_DONE : EXIT_FILE;
}

/* Words that a shell would take apart are quoted. */
static const char *line_of(int argc, char **argv, Arena *a)
{
    const char *line = "";
    for (int i = 0; i < argc; i++) {
        bool plain = *argv[i] && !argv[i][strspn(argv[i], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=,:+@%")];
        line = plain ? arena_strf(a, "%s%s%s", line, i ? " " : "", argv[i]) : arena_strf(a, "%s%s'", line, i ? " " : "");
        for (const char *p = argv[i]; !plain && *p; p++)
            line = *p == '\'' ? arena_strf(a, "%s'\\''", line) : arena_strf(a, "%s%c", line, *p);
        line = plain ? line : arena_strf(a, "%s'", line);
    }
    return line;
}

int options_parse(int argc, char **argv, Options *o)
{
    struct poptOption table[OPTION_COUNT + 1];
    uint64_t given = 0;
    int status = EXIT_DONE;
    *o = (Options){.jobs = (int)sysconf(_SC_NPROCESSORS_ONLN), .diagnostics = "text", .format = "text", .effort = "quick", .color = "auto"};
    o->words = arena_new();
    if (!o->words)
        return usage("memory ran out");
    o->line = line_of(argc, argv, o->words);
    fill_table(o, table);
    poptContext c = poptGetContext("ligerc", argc, (const char **)argv, table, 0);
    for (int code; status == EXIT_DONE && (code = poptGetNextOpt(c)) != -1;) {
        if (code < -1) {
            status = usage("%s: %s", poptBadOption(c, POPT_BADOPTION_NOALIAS), poptStrerror(code));
        } else {
            char *arg = poptGetOptArg(c);
            given |= (uint64_t)1 << (code - 1);
            status = handle(o, (OptionId)(code - 1), arg ? arena_strf(o->words, "%s", arg) : NULL);
            free(arg);
        }
    }
    if (status == EXIT_DONE)
        status = take_files(c, o);
    poptFreeContext(c);
    if (status == EXIT_DONE)
        status = check_given(o, given);
    if (status == EXIT_DONE)
        status = read_tuned(o);
    o->said_targets = o->ntargets > 0;
    if (!o->emits)
        o->emits = 1u << EMIT_PACK;
    if (!o->ntargets)
        o->targets[o->ntargets++] = target_get(TARGET_HOST);
    return status;
}

void options_free(Options *o)
{
    if (o->words)
        arena_free(o->words);
    o->words = NULL;
}
