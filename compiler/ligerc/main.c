/* main.c: ligerc, the compiler's program: reads the command line, runs one command, ends with its exit code. */
#include "options.h"
#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void show_diagnostics(const Options *o, const Diag *d)
{
    Buf b = {0};
    bool color = !strcmp(o->color, "always") || (!strcmp(o->color, "auto") && isatty(2) && !getenv("NO_COLOR"));
    if (o->report) {
        report_add(o->report, d);
        return;
    }
    diag_render_text(d, &b, color);
    if (b.n)
        fwrite(b.p, 1, b.n, stderr);
    buf_free(&b);
}

static int run_command(const Options *o)
{
    return o->help ? cmd_help(o) : o->version ? cmd_version(o) : command_find(o->command)->run(o);
}

/* The forms for programs are one document, there also when it is empty. */
static int run_and_report(Options *o)
{
    Buf b = {0};
    Diag all;
    Arena *a = arena_new();
    if (!a)
        return EXIT_INTERNAL;
    diag_init(&all, a);
    o->report = &all;
    int status = run_command(o);
    bool ok = true;
    if (!strcmp(o->diagnostics, "sarif"))
        ok = report_sarif(&all, status, &b);
    else
        diag_render_json(&all, &b);
    if (b.n)
        fwrite(b.p, 1, b.n, stderr);
    buf_free(&b);
    arena_free(a);
    return ok ? status : EXIT_INTERNAL;
}

int main(int argc, char **argv)
{
    Options o;
    int status = options_parse(argc, argv, &o);
    if (status == EXIT_DONE)
        status = strcmp(o.diagnostics, "text") ? run_and_report(&o) : run_command(&o);
    options_free(&o);
    return status;
}
