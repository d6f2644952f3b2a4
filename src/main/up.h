/* `highway up`: supervises the roles as child processes of this one. */
#pragma once
int up_command(int argc, char **argv);
