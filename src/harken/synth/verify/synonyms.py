"""Which names and phrases stand for one sound: the list by which texts are understood.

Each line is a concept: how the grammar writes it, then the forms that mean it, separated by
semicolons. A form matches whatever the order and the endings of its words ("barking of a dog" is
"dog bark"); the phrase is a form too. A form that stands in several lines means any of them. Data
only; the forms are ordinary English for classes of ESC-50, AudioSet and harken's own corpus.
"""

from __future__ import annotations

from harken.ask.words import listed

CONCEPTS = """
a dog barking: dog; bark; dog bark; woof; puppy; hound; yap
a cat meowing: cat; meow; cat meow; kitten; purr; miaow
a cow mooing: cow; moo; cow moo; cattle
a sheep bleating: sheep; bleat; sheep bleat; lamb; goat
a pig grunting: pig; oink; pig oink; hog
a rooster crowing: rooster; rooster crow; cockerel; cock crow; cock-a-doodle-doo
a hen clucking: hen; cluck; hen cluck; chicken
a crow cawing: crow; caw; crow caw; raven
a bird chirping: bird; chirp; bird chirp; birdsong; bird song; tweet; chirping bird; songbird
an owl hooting: owl; hoot; owl hoot
a frog croaking: frog; croak; frog croak; toad
a cricket chirping: cricket; cricket chirp
an insect buzzing: insect; fly; mosquito; insect buzz; flying insect
a bee buzzing: bee; bee buzz
a wolf howling: wolf; howl; wolf howl
a horse trotting: horse; hoof; hooves; horse hooves; neigh; whinny; gallop
a duck quacking: duck; quack; duck quack
a snake rattling: snake; snake rattle; rattlesnake; hiss
rain: rain; rainfall; raining; raindrop; drizzle; downpour
wind blowing: wind; wind blowing; gust; breeze
thunder: thunder; thunderclap; thunderstorm; rumble of thunder; lightning
sea waves: sea wave; wave; sea; ocean; ocean wave; surf; seashore
a river flowing: river; stream; brook; creek
water dripping: water drop; drip; water drip; dripping water; droplet
water pouring: pour; pouring water; water pouring; pour water
a fire crackling: fire; crackle; fire crackling; crackling fire; campfire; flame
fireworks: firework; fireworks
a baby crying: baby; baby cry; crying baby; infant; infant cry; cry
a person sneezing: sneeze; person sneeze; sneezing; achoo
a person coughing: cough; coughing
a person snoring: snore; snoring
a person breathing: breath; breathing; breathe
people laughing: laugh; laughter; laughing; giggle; chuckle
applause: applause; clap; clapping; hand clap
footsteps: footstep; footsteps; walking; steps
a person whistling: whistle; whistling; person whistle
a person humming: humming; person hum
a person screaming: scream; screaming; shriek; shout; shouting; yell
a person singing: singing; sing; singer; song; choir
a crowd: crowd; crowd chatter
a person drinking: drinking; sip; drinking sipping; gulp
a person yawning: yawn
a heart beating: heartbeat; heart beat
teeth being brushed: brushing teeth; tooth brushing; toothbrush
a clock ticking: clock tick; tick; ticking; clock; tick-tock
an alarm clock: alarm clock; clock alarm
an alarm: alarm; smoke alarm; fire alarm; beep
a knock at a door: door knock; knock; door wood knock; knocking
a door creaking: door creak; creak; creaking; door wood creak; squeak
a door closing: door slam; slam; door close
a doorbell: doorbell; door bell
keyboard typing: keyboard; typing; keyboard typing; type
a mouse click: mouse click; computer mouse
a vacuum cleaner: vacuum cleaner; vacuum; hoover
a washing machine: washing machine; washer
a sewing machine: sewing machine
glass breaking: glass breaking; breaking glass; glass shatter; shatter; shattering
a can opening: can opening
a toilet flushing: toilet flush; toilet; flush
a telephone ringing: phone ring; phone; telephone; telephone ring; ringtone
a kettle whistling: kettle; kettle whistle; teapot
scissors: scissors; snip
paper rustling: paper; rustle; paper rustle; crumple
keys jingling: keys jingling; key jangling; jingle; keychain
a helicopter: helicopter; chopper; rotor
an airplane: airplane; aeroplane; plane; aircraft; jet
a train: train; locomotive; railway; railroad; train pass
a car horn: car horn; horn; honk; honking
a car: car; automobile; car engine; vehicle; traffic
an engine: engine; motor; engine idling; idling
a truck: truck; lorry
a motorcycle: motorcycle; motorbike
a siren: siren; ambulance; police siren; fire engine; emergency vehicle
a chainsaw: chainsaw; chain saw
a hand saw: hand saw; handsaw; sawing; saw
a drill: drill; drilling; power drill
a hammer: hammer; hammering
a gunshot: gunshot; gun; gunfire; shot; shooting
an explosion: explosion; explode; blast; boom
church bells: church bell; bell toll; tolling
a bell: bell; bell ring; ringing bell; chime
a sonar ping: sonar ping; sonar; ping
morse code: morse code; morse
an acoustic guitar: acoustic guitar; guitar; strum
an electric guitar: electric guitar
a bass guitar: bass guitar
a piano: piano; grand piano
a flute: flute
a violin: violin; fiddle
a cello: cello
a harp: harp
a trumpet: trumpet; bugle
a saxophone: saxophone; sax
a clarinet: clarinet
an organ: organ; pipe organ
an accordion: accordion
a banjo: banjo
drums: drum; drumming; drum kit; snare drum; bass drum; kick drum
a cymbal: cymbal; hi-hat; hihat
a xylophone: xylophone; marimba; glockenspiel
a gong: gong
"""
"""One concept a line: the phrase, a colon, its forms."""

SPEECH = (
    "voice; speech; speak; speaking; speaker; talk; talking; person speaking; someone says; say;"
    " says; said; spoken; utterance; sentence; narrator"
)
"""Forms that mean speech: supported by any source of that kind."""

SEX = "man; woman; male; female; boy; girl; child; lady; gentleman; guy; men; women; children"
"""Words for who speaks: facts do not know them unless a label has the word."""

MUSIC = "music; melody; tune; musical; orchestra"
"""Forms that mean music: supported by any source of that kind."""

GENERIC = frozenset(
    listed(
        "sound noise person people human hand machine heavy small large other open "
        "opening close electronic single short long high low loud soft distant background "
        "front natural domestic animal bird wood wooden water metal clip audio recording "
        "event one two three four five first last left right can use used running run "
        "pass passing moving turn light power start stop"
    )
)
"""Words of labels that alone name none: a text may use them for anything."""
