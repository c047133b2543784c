/* manual.c: the tables of commands, options, outputs, targets and exit codes as help and as the source of the manual page. */
#include "emit.h"
#include "options.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* "-o, --output=PATH", "-MF FILE" */
static const char *spelled(const Option *p, char *text, size_t n)
{
    char letter[8] = "";
    if (p->letter)
        snprintf(letter, sizeof letter, "-%c, ", p->letter);
    snprintf(text, n, "%s%s%s%s%s", letter, p->dashes == 1 ? "-" : "--", p->name, !p->argument ? "" : p->dashes == 1 ? " " : "=", p->argument ? p->argument : "");
    return text;
}

/* Words up to the width, further lines indented. */
static void put_wrapped(const char *s, int indent, int at)
{
    enum { WIDTH = 112 };
    while (*s) {
        int n = (int)strcspn(s, " ");
        if (at + n > WIDTH && at > indent) {
            printf("\n%*s", indent, "");
            at = indent;
        }
        printf("%.*s", n, s);
        at += n + 1;
        s += n;
        if (*s) {
            s++;
            printf(" ");
        }
    }
    printf("\n");
}

static void put_row(const char *name, const char *doc, const char *more)
{
    enum { COLUMN = 28 };
    char text[512];
    snprintf(text, sizeof text, "%s%s%s%s", doc, *more ? " [" : "", more, *more ? "]" : "");
    printf("  %-*s ", COLUMN - 3, name);
    put_wrapped(text, COLUMN, (int)strlen(name) > COLUMN - 3 ? (int)strlen(name) + 3 : COLUMN);
}

int cmd_version(const Options *o)
{
    (void)o;
    printf("ligerc " LIGERC_VERSION "\n");
    return EXIT_DONE;
}

int cmd_help(const Options *o)
{
    char text[128];
    (void)o;
    printf("usage: ligerc [COMMAND] [OPTION]... [FILE]...      - as a file is standard input\n\ncommands:\n");
    for (size_t i = 0; command_at(i); i++) {
        const Command *c = command_at(i);
        snprintf(text, sizeof text, "%s %s", c->name, c->arguments);
        put_row(text, c->doc, "");
    }
    printf("\noptions, and the commands that take them where not all do:\n");
    for (int i = 0; i < OPTION_COUNT; i++) {
        const Option *p = option_get((OptionId)i);
        put_row(spelled(p, text, sizeof text), p->doc, p->commands);
        if (*p->values && *p->values != '<')
            printf("%28sone of: %s\n", "", p->values);
    }
    printf("\nwhat --emit writes, a comma list of:\n");
    for (int i = 0; i < EMIT_COUNT; i++)
        put_row(emit_get((EmitId)i)->name, emit_get((EmitId)i)->doc, "");
    printf("\nexit codes:\n");
#define X(id, number, doc) printf("  %-4d %s\n", number, doc);
#include "exit.def"
#undef X
    return EXIT_DONE;
}

/* ---- the manual page ---- */

/* scdoc's own marks are escaped. */
static void put_scd(const char *s)
{
    for (; *s; s++) {
        if (strchr("\\*_#~[]|", *s))
            putchar('\\');
        putchar(*s);
    }
}

static void put_entry(const char *name, const char *doc)
{
    printf("*");
    put_scd(name);
    printf("*\n\t");
    put_scd(doc);
    printf("\n\n");
}

static void put_options(void)
{
    char text[128];
    for (int i = 0; i < OPTION_COUNT; i++) {
        const Option *p = option_get((OptionId)i);
        printf("*");
        put_scd(spelled(p, text, sizeof text));
        printf("*\n\t");
        put_scd(p->doc);
        printf(".");
        if (*p->values && *p->values != '<')
            printf(" One of: %s.", p->values);
        if (*p->commands)
            printf(" Of: %s.", p->commands);
        printf("\n\n");
    }
}

int cmd_manual(const Options *o)
{
    (void)o;
    printf("ligerc(1) \"ligerc " LIGERC_VERSION "\"\n\n# NAME\n\nligerc - compile tile specs of training kernels for GPUs and the host\n\n"
           "# SYNOPSIS\n\n*ligerc* [_command_] [_option_...] [_file_...]\n\n"
           "# DESCRIPTION\n\nligerc compiles a spec, which says what a kernel computes, into machine code for NVIDIA GPUs and for the host, and packs it "
           "for libliger. No GPU, driver or CUDA toolkit is needed. Outputs are written beside their place and renamed; one that would not change is "
           "left alone; the same input gives the same bytes. A file named - is standard input.\n\n# COMMANDS\n\n");
    for (size_t i = 0; command_at(i); i++) {
        char text[64];
        const Command *c = command_at(i);
        snprintf(text, sizeof text, "%s%s%s", c->name, *c->arguments ? " " : "", c->arguments);
        put_entry(text, c->doc);
    }
    printf("# OPTIONS\n\n");
    put_options();
    printf("# OUTPUTS\n\nWhat *--emit* takes. In a folder the files are named op.kernel.target.binding.variant, less what they do not depend on.\n\n");
    for (int i = 0; i < EMIT_COUNT; i++)
        put_entry(emit_get((EmitId)i)->name, emit_get((EmitId)i)->doc);
    printf("# TARGETS\n\n");
    for (int i = 0; i < TARGET_COUNT; i++)
        put_entry(target_get((TargetId)i)->name, target_get((TargetId)i)->doc);
    printf("# EXIT STATUS\n\n");
#define X(id, number, doc) put_entry(#number, doc);
#include "exit.def"
#undef X
    printf("# ENVIRONMENT\n\n*LGR\\_PTXAS*\n\tThe PTX assembler, instead of the one on PATH or in the CUDA toolkit.\n\n*NO\\_COLOR*\n\tNo colors unless *--color=always*.\n\n# SEE ALSO\n\n*pkg-config*(1), *ptxas*(1)\n");
    return EXIT_DONE;
}
