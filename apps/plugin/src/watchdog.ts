// cli-turn starts this program by its file name, from beside the file it is bundled into.
import "@plexum/cli-turn/watchdog";
