// cli-turn starts this program by its file name, from the folder of the bundle that contains cli-turn.
import "@plexum/cli-turn/watchdog";
