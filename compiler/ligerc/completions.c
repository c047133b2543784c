/* completions.c: `ligerc completions bash|zsh`, from the tables of commands, options, outputs and targets. */
#include "emit.h"
#include "options.h"

#include <stdio.h>
#include <string.h>

static void put_emits(const char *between)
{
    for (int i = 0; i < EMIT_COUNT; i++)
        printf("%s%s", i ? between : "", emit_get((EmitId)i)->name);
}

static void put_targets(const char *between)
{
    for (int i = 0; i < TARGET_COUNT; i++)
        printf("%s%s", i ? between : "", target_get((TargetId)i)->name);
}

/* ---- bash ---- */

static void put_bash_values(const char *values)
{
    bool list = !strcmp(values, "<targets>") || !strcmp(values, "<emits>");
    if (!strcmp(values, "<file>")) {
        printf("COMPREPLY=($(compgen -f -- \"$cur\"))");
        return;
    }
    printf("%sCOMPREPLY=($(compgen %s-W \"", list ? "[[ $cur == *,* ]] && head=${cur%,*},; cur=${cur##*,}; " : "", list ? "-P \"$head\" " : "");
    if (!strcmp(values, "<targets>"))
        put_targets(" ");
    else if (!strcmp(values, "<emits>"))
        put_emits(" ");
    else
        printf("%s", values);
    printf("\" -- \"$cur\"))");
}

static void put_bash_option_values(void)
{
    printf("    case $prev in\n");
    for (int i = 0; i < OPTION_COUNT; i++) {
        const Option *p = option_get((OptionId)i);
        if (!p->argument)
            continue;
        printf("    ");
        if (p->letter)
            printf("-%c|", p->letter);
        printf("%s%s) ", p->dashes == 1 ? "-" : "--", p->name);
        put_bash_values(p->values);
        printf("; return ;;\n");
    }
    printf("    esac\n");
}

static void put_bash_options(void)
{
    printf("    if [[ $cur == -* ]]; then\n        case $command in\n");
    for (size_t c = 0; command_at(c); c++) {
        printf("        %s) COMPREPLY=($(compgen -W \"", command_at(c)->name);
        for (int i = 0, n = 0; i < OPTION_COUNT; i++) {
            const Option *p = option_get((OptionId)i);
            if (option_is_of(p, command_at(c)->name))
                printf("%s%s%s%s", n++ ? " " : "", p->dashes == 1 ? "-" : "--", p->name, p->argument && p->dashes == 2 ? "=" : "");
        }
        printf("\" -- \"$cur\")) ;;\n");
    }
    printf("        esac\n        [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>&-\n        return\n    fi\n");
}

static void put_bash(void)
{
    printf("# bash completion of ligerc, made by `ligerc completions bash`\n_ligerc()\n{\n"
           "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=%s said= head= i\n"
           "    COMPREPLY=()\n"
           "    [[ $cur == = ]] && cur=\n"
           "    [[ $prev == = ]] && prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
           "    for ((i = 1; i < COMP_CWORD; i++)); do\n        case ${COMP_WORDS[i]} in\n        ", command_at(0)->name);
    for (size_t i = 0; command_at(i); i++)
        printf("%s%s", i ? "|" : "", command_at(i)->name);
    printf(") command=${COMP_WORDS[i]}; said=1; break ;;\n        esac\n    done\n");
    put_bash_option_values();
    put_bash_options();
    printf("    if [[ ! $said ]]; then\n        COMPREPLY=($(compgen -W \"");
    for (size_t i = 0; command_at(i); i++)
        printf("%s%s", i ? " " : "", command_at(i)->name);
    printf("\" -- \"$cur\") $(compgen -f -- \"$cur\"))\n        return\n    fi\n    case $command in\n");
    for (size_t i = 0; command_at(i); i++) {
        if (!*command_at(i)->values)
            continue;
        printf("    %s) ", command_at(i)->name);
        put_bash_values(command_at(i)->values);
        printf(" ;;\n");
    }
    printf("    esac\n}\ncomplete -o filenames -F _ligerc ligerc\n");
}

/* ---- zsh ---- */

/* Text inside single quotes and brackets. */
static void put_zsh_text(const char *s)
{
    for (; *s; s++)
        if (*s == '\'')
            printf("'\\''");
        else
            printf("%s%c", strchr("[]:\\", *s) ? "\\" : "", *s);
}

static void put_zsh_values(const char *values)
{
    if (!strcmp(values, "<file>")) {
        printf("_files");
    } else if (!strcmp(values, "<targets>")) {
        printf("_values -s , target ");
        put_targets(" ");
    } else if (!strcmp(values, "<emits>")) {
        printf("_values -s , output ");
        put_emits(" ");
    } else if (*values) {
        printf("(%s)", values);
    } else {
        printf(" ");
    }
}

static void put_zsh_spec(const Option *p, bool letter)
{
    char name[40];
    if (letter)
        snprintf(name, sizeof name, "-%c", p->letter);
    else
        snprintf(name, sizeof name, p->dashes == 1 ? "-%s" : "--%s", p->name);
    printf("        '%s%s%s[", p->kind == OPTION_CALL ? "*" : "", name, !p->argument ? "" : letter ? "+" : p->dashes == 1 ? "" : "=");
    put_zsh_text(p->doc);
    printf("]");
    if (p->argument) {
        printf(":%s:", p->argument);
        put_zsh_values(p->values);
    }
    printf("'");
}

static void put_zsh_command(const Command *c)
{
    printf("    %s)\n        specs=(\n", c->name);
    for (int i = 0; i < OPTION_COUNT; i++) {
        const Option *p = option_get((OptionId)i);
        if (!option_is_of(p, c->name))
            continue;
        put_zsh_spec(p, false);
        printf("\n");
        if (p->letter) {
            put_zsh_spec(p, true);
            printf("\n");
        }
    }
    if (*c->values) {
        printf("        '*:%s:", c->arguments);
        put_zsh_values(c->values);
        printf("'\n");
    }
    printf("        ) ;;\n");
}

static void put_zsh(void)
{
    printf("#compdef ligerc\n# zsh completion of ligerc, made by `ligerc completions zsh`\n_ligerc()\n{\n    local command=%s said= word\n    local -a specs known\n    known=(\n",
           command_at(0)->name);
    for (size_t i = 0; command_at(i); i++) {
        printf("        '%s:", command_at(i)->name);
        put_zsh_text(command_at(i)->doc);
        printf("'\n");
    }
    printf("    )\n    for word in ${words[2,CURRENT-1]}; do\n        if (( ${known[(I)$word:*]} )); then\n            command=$word said=1\n            break\n        fi\n    done\n"
           "    case $command in\n");
    for (size_t i = 0; command_at(i); i++)
        put_zsh_command(command_at(i));
    printf("    esac\n    if [[ ! $said && $words[CURRENT] != -* ]]; then\n        _describe command known\n    fi\n    _arguments \"${specs[@]}\"\n}\n"
           "if [[ $funcstack[1] == _ligerc ]]; then\n    _ligerc \"$@\"\nelse\n    compdef _ligerc ligerc\nfi\n");
}

int cmd_completions(const Options *o)
{
    if (o->nfiles == 1 && !strcmp(o->files[0], "bash")) {
        put_bash();
        return EXIT_DONE;
    }
    if (o->nfiles == 1 && !strcmp(o->files[0], "zsh")) {
        put_zsh();
        return EXIT_DONE;
    }
    fprintf(stderr, "ligerc: completions: wanted one of: %s\n", command_find(o->command)->values);
    return EXIT_USAGE;
}
